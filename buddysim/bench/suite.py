"""All races, in groups, and what they say about this build and machine."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import buddysim
from buddysim.bench.child import memory_races, start_races
from buddysim.bench.commands import perf_races, report_races, trace_cmd_races
from buddysim.bench.cores import core_races
from buddysim.bench.ingest import ingest_races
from buddysim.bench.instructions import instruction_races
from buddysim.bench.limits import Verdict, judged
from buddysim.bench.parallel import compare_races, cores, explore_races
from buddysim.bench.race import Race, Row, Unavailable, run_race
from buddysim.bench.recordings import recording_races
from buddysim.bench.replays import replay_races
from buddysim.bench.scaling import scaling_races
from buddysim.errors import ConfigError
from buddysim.replay.engine import core_build

__all__ = ["GROUPS", "QUICK_GROUPS", "Bench", "BenchOptions", "races", "run_bench"]

GROUPS = (
    "core",
    "instructions",
    "ingest",
    "report",
    "replay",
    "recordings",
    "explore",
    "compare",
    "start",
    "memory",
    "scaling",
    "perf.data",
    "trace.dat",
)
"""In the order they are run."""
QUICK_GROUPS = tuple(name for name in GROUPS if name != "instructions")
"""Those that take seconds."""

Progress = Callable[[int, int, str], None]
"""Called before each race: how many are done, how many there are, the name of the next."""

_SMALL, _MIDDLE, _LARGE = 64 << 20, 1 << 30, 64 << 30


@dataclass(frozen=True)
class BenchOptions:
    """What to measure."""

    repeats: int = 5
    """Runs of each thing and of its yardstick, >= 1; the medians are told."""
    quick: bool = False
    """Shorter traces, no 64 GiB machine in core and replay: minutes become seconds."""
    groups: tuple[str, ...] = GROUPS
    perf_data: Path | None = None
    """A recording that ``perf kmem`` reads as well; None: one is made."""
    trace_dat: Path | None = None
    """A recording that ``trace-cmd report`` reads as well; None: the made-up plan."""


@dataclass(frozen=True)
class Bench:
    """The result."""

    version: str
    build: str
    cpu: str
    processors: int
    """That this process may use."""
    load: float
    """Processes that were running or waiting to, before the first race; ours is one more."""
    python: str
    quick: bool
    rows: tuple[Row, ...]
    limits: tuple[Verdict, ...]
    """What was promised of the groups that were run, and whether it was kept."""
    left_out: tuple[str, ...]
    """Races that could not be run, and why."""

    @property
    def kept(self) -> bool:
        """No limit was missed; those that could not be measured are not counted."""
        return all(verdict.outcome != "missed" for verdict in self.limits)


def races(options: BenchOptions) -> Iterator[Race]:
    """Every race asked for.  Raises ConfigError for a group that does not exist."""
    for name in options.groups:
        if name not in GROUPS:
            raise ConfigError(f"group {name!r}", expected=f"one of {', '.join(GROUPS)}")
    for name in GROUPS:
        if name in options.groups:
            yield from _group(name, options)


def _group(name: str, options: BenchOptions) -> Iterator[Race]:
    """The races of one group; an interpreted build gets a tenth of the work."""
    quick, compiled = options.quick, core_build() == "compiled"
    sizes = (_SMALL, _MIDDLE) if quick else (_SMALL, _MIDDLE, _LARGE)
    events = (300_000 if quick else 1_000_000) // (1 if compiled else 10)
    cycles = (4 if quick else 8) if compiled else 1
    long = (12 if quick else 16) if compiled else 2
    lengths = (100_000, 1_000_000) if quick or not compiled else (100_000, 1_000_000, 10_000_000)
    by_group: dict[str, Callable[[], Iterator[Race]]] = {
        "core": lambda: core_races(sizes, events),
        "instructions": lambda: instruction_races() if compiled else iter(()),
        "ingest": lambda: ingest_races(cycles),
        "report": lambda: report_races(32 if compiled else 4),
        "replay": lambda: replay_races(sizes, events),
        "recordings": recording_races,
        "explore": lambda: explore_races((10_000 if quick else 30_000) // (1 if compiled else 4)),
        "compare": lambda: compare_races(16 if compiled else 1),
        "start": lambda: start_races(_LARGE),
        "memory": lambda: memory_races((_SMALL, _LARGE), lengths),
        "scaling": lambda: scaling_races(lengths, (_SMALL, _LARGE)),
        "perf.data": lambda: perf_races(options.perf_data, quick=quick),
        "trace.dat": lambda: trace_cmd_races(options.trace_dat, long),
    }
    return by_group[name]()


def run_bench(options: BenchOptions, progress: Progress | None = None) -> Bench:
    """Run everything asked for.  Raises ConfigError; what a race raises passes through."""
    chosen = list(races(options))
    load = os.getloadavg()[0]
    rows, left_out = [], []
    with tempfile.TemporaryDirectory(prefix="buddysim-bench-") as folder:
        for number, race in enumerate(chosen):
            name = f"{race.group}: {race.name}"
            if progress is not None:
                progress(number, len(chosen), name)
            repeats = 1 if race.group == "instructions" else options.repeats
            try:
                rows.append(run_race(race, Path(folder), repeats))
            except Unavailable as reason:
                left_out.append(f"{name}: {reason}")
    build = core_build()
    return Bench(
        version=buddysim.__version__,
        build=build,
        cpu=_cpu(),
        processors=cores(),
        load=round(load, 2),
        python=platform.python_version(),
        quick=options.quick,
        rows=tuple(rows),
        limits=tuple(judged(rows, options.groups, build)),
        left_out=tuple(left_out),
    )


def _cpu() -> str:
    """The processor's name as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"

"""All races, in groups, and what they say about this build and machine."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import buddysim
from buddysim.bench.child import memory_races, start_races
from buddysim.bench.cores import core_races
from buddysim.bench.ingest import ingest_races, perf_races
from buddysim.bench.instructions import instruction_races
from buddysim.bench.race import Race, Row, run_race
from buddysim.bench.replays import explore_races, replay_races
from buddysim.bench.scaling import scaling_races
from buddysim.errors import ConfigError
from buddysim.replay.engine import core_build

__all__ = ["GROUPS", "Bench", "BenchOptions", "races", "run_bench"]

GROUPS = (
    "core",
    "instructions",
    "ingest",
    "replay",
    "explore",
    "start",
    "memory",
    "scaling",
    "perf.data",
)
"""In the order they are run."""

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
    """A recording that ``perf kmem`` reads as well."""


@dataclass(frozen=True)
class Bench:
    """The result."""

    version: str
    build: str
    cpu: str
    python: str
    quick: bool
    rows: tuple[Row, ...]


def races(options: BenchOptions) -> Iterator[Race]:
    """Every race asked for.  Raises ConfigError for a group that does not exist."""
    for name in options.groups:
        if name not in GROUPS:
            raise ConfigError(f"group {name!r}", expected=f"one of {', '.join(GROUPS)}")
    for name in GROUPS:
        if name in options.groups:
            yield from _group(name, options)


def _group(name: str, options: BenchOptions) -> Iterator[Race]:
    sizes = (_SMALL, _MIDDLE) if options.quick else (_SMALL, _MIDDLE, _LARGE)
    events = 300_000 if options.quick else 1_000_000
    if name == "core":
        yield from core_races(sizes, events)
    elif name == "instructions":
        if core_build() == "compiled":
            yield from instruction_races()
    elif name == "ingest":
        yield from ingest_races(events // 2)
    elif name == "replay":
        yield from replay_races(sizes, events)
    elif name == "explore":
        yield from explore_races(_SMALL, events // 100)
    elif name == "start":
        yield from start_races()
    elif name == "memory":
        yield from memory_races((_SMALL, _LARGE), (100_000, events))
    elif name == "scaling":
        lengths = (100_000, 1_000_000) if options.quick else (100_000, 1_000_000, 10_000_000)
        yield from scaling_races(lengths, (_SMALL, _LARGE))
    elif options.perf_data is not None:
        perf = shutil.which("perf")
        if perf is not None:
            yield from perf_races(options.perf_data, perf)


def run_bench(options: BenchOptions, progress: Progress | None = None) -> Bench:
    """Run everything asked for.  Raises ConfigError; what a race raises passes through."""
    chosen = list(races(options))
    rows = []
    with tempfile.TemporaryDirectory(prefix="buddysim-bench-") as folder:
        for number, race in enumerate(chosen):
            if progress is not None:
                progress(number, len(chosen), f"{race.group}: {race.name}")
            repeats = 1 if race.group == "instructions" else options.repeats
            rows.append(run_race(race, Path(folder), repeats))
    return Bench(
        version=buddysim.__version__,
        build=core_build(),
        cpu=_cpu(),
        python=platform.python_version(),
        quick=options.quick,
        rows=tuple(rows),
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

"""Races of the readers: the same events in each format, against regular expressions in Python.

The seconds are the process's own, of all its threads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import process_time

from buddysim.bench.child import command_seconds
from buddysim.bench.cores import live_pages
from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.source.open import open_trace
from buddysim.source.write import write_trace

__all__ = ["ingest_races", "perf_races", "read_seconds", "regex_seconds"]

_MEM = 1 << 30
_REGEX = "regular expressions in Python"
_MEGABYTE = 1e6
_FORMATS = (("ftrace text", ".txt"), ("perf script", ".perf"), ("packed .bst", ".bst"))
_FTRACE = re.compile(
    r" *(?P<task>.+)-(?P<pid>\d+) +\[(?P<cpu>\d+)\] (?P<flags>\S+) +(?P<time>[\d.]+): "
    r"(?P<event>\w+): (?P<rest>.*)"
)
_FIELDS = re.compile(r"(\w+)=(\S+)")


def ingest_races(events: int) -> Iterator[Race]:
    """Reading by format, in lines (events) and in megabytes (10^6 bytes) per second."""
    for name, suffix in (
        ("ftrace text", ".txt"),
        ("perf script", ".perf"),
        ("packed .bst", ".bst"),
    ):
        prepare = partial(_prepare, suffix, events)
        yield Race("ingest", name, "lines/s", events, _REGEX, prepare)
        yield Race("ingest", f"{name}, by size", "MB/s", 1, _REGEX, partial(_sized, suffix, events))


def _prepare(suffix: str, events: int, folder: Path) -> tuple[Run, Run]:
    text = _written(folder, ".txt", events)
    ours = _written(folder, suffix, events)
    return partial(read_seconds, ours), partial(regex_seconds, text)


def _sized(suffix: str, events: int, folder: Path) -> tuple[Run, Run]:
    text = _written(folder, ".txt", events)
    ours = _written(folder, suffix, events)
    return (
        lambda: read_seconds(ours) / ours.stat().st_size * _MEGABYTE,
        lambda: regex_seconds(text) / text.stat().st_size * _MEGABYTE,
    )


def _written(folder: Path, suffix: str, events: int) -> Path:
    """The plan as a file of this format; written once."""
    path = folder / f"plan{suffix}"
    if path.exists():
        return path
    if suffix == ".perf":
        _write_perf_script(_written(folder, ".txt", events), path)
    else:
        write_trace(PlanTrace(build_plan(events, live_pages(_MEM) // 4), _MEM), str(path))
    return path


def _write_perf_script(ftrace: Path, path: Path) -> None:
    """The same lines as ``perf script`` prints them."""
    with ftrace.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
        for match in filter(None, map(_FTRACE.match, lines)):
            task, pid, cpu, _flags, time, event, rest = match.groups()
            out.write(f"{task:>16} {pid:>5} [{cpu}] {time}: {'kmem:' + event:>30}: {rest}\n")


def read_seconds(path: Path) -> float:
    """CPU seconds to read a trace into columns."""
    started = process_time()
    for _batch in open_trace(str(path)).batches():
        pass
    return process_time() - started


def regex_seconds(path: Path) -> float:
    """CPU seconds to take a text apart line by line, fields into a dict: the obvious way."""
    started = process_time()
    with path.open(encoding="utf-8") as lines:
        for match in filter(None, map(_FTRACE.match, lines)):
            dict(_FIELDS.findall(match["rest"]))
    return process_time() - started


def perf_races(perf_data: Path, perf: str) -> Iterator[Race]:
    """Whole process against whole process on one perf.data file."""
    yield Race(
        group="perf.data",
        name=f"replay {perf_data.name}, whole process",
        unit="s",
        work=1,
        yardstick="perf kmem --page --caller stat",
        prepare=partial(_prepare_perf, perf_data, perf),
    )


def _prepare_perf(perf_data: Path, perf: str, folder: Path) -> tuple[Run, Run]:
    ours = [sys.executable, "-m", "buddysim", "replay", "--quiet", "--fail-on", "error"]
    theirs = [perf, "kmem", "-i", str(perf_data), "--page", "--caller", "stat"]
    return (
        # Findings are no failure.
        lambda: command_seconds([*ours, str(perf_data)], folder, allowed=(0, 1)),
        lambda: command_seconds(theirs, folder),
    )

"""Races of whole commands: from a file to the report, against tools that read the same file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from buddysim.bench.child import command_seconds
from buddysim.bench.files import sample
from buddysim.bench.ingest import REGEX, regex_run
from buddysim.bench.race import Race, Run, Unavailable
from buddysim.errors import ConfigError

__all__ = ["perf_races", "report_races", "report_run", "trace_cmd_races"]

_MEGABYTE = 1e6
_EVENTS = "kmem:mm_page_alloc,kmem:mm_page_free"
_TOUCH = """
import mmap
for _ in range({times}):
    memory = mmap.mmap(-1, 256 << 20)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, 256 << 20, 4096):
        memory[page] = 1
    memory.close()
"""
"""130 thousand events each time."""


def report_races(cycles: int) -> Iterator[Race]:
    """``buddysim replay`` of a text, the interpreter's start included."""
    for name, file, share, unit in (
        ("ftrace text", "plan.txt", 1, "lines/s"),
        ("ftrace text with stacks", "stacks.txt", 4, "MB/s"),
    ):
        yield Race(
            group="report",
            name=f"{name}, {cycles // share} times 66 k events",
            unit=unit,
            work=1,
            yardstick=REGEX,
            prepare=partial(_prepare_report, file, cycles // share, unit),
        )


def _prepare_report(name: str, cycles: int, unit: str, folder: Path) -> tuple[Run, Run]:
    text = sample(folder, name, cycles)
    work = text.bytes / _MEGABYTE if unit == "MB/s" else text.lines
    return report_run(text.path, folder, work), regex_run(folder, unit)


def report_run(path: Path, folder: Path, work: float) -> Run:
    """``buddysim replay`` of a file; seconds for each of ``work`` units."""
    argv = [sys.executable, "-m", "buddysim", "replay", "--quiet", str(path)]
    # Findings are no failure.
    return lambda: command_seconds(argv, folder, allowed=(0, 1)) / work


def perf_races(data: Path | None, *, quick: bool) -> Iterator[Race]:
    """The report of a perf.data file against ``perf kmem``.

    If none is given: recorded here, long enough that not the interpreter's start decides.
    """
    times = 2 if quick else 12
    name = data.name if data else f"a recording made here, {times} times 130 k events"
    yield Race(
        group="perf.data",
        name=f"replay {name}, whole process",
        unit="s",
        work=1,
        yardstick="perf kmem --page --caller stat",
        prepare=partial(_prepare_perf, data, times),
    )


def _prepare_perf(data: Path | None, times: int, folder: Path) -> tuple[Run, Run]:
    perf = _tool("perf")
    recorded = data or _recorded(perf, times, folder)
    theirs = [perf, "kmem", "-i", str(recorded), "--page", "--caller", "stat"]
    return report_run(recorded, folder, 1), _yardstick(theirs, folder, given=data is not None)


def _yardstick(argv: list[str], folder: Path, *, given: bool) -> Run:
    """A tool on a file that the user gave, or that it has to show it can read.

    Raises Unavailable.
    """
    if not given:
        try:
            command_seconds(argv, folder)
        except ConfigError as error:
            raise Unavailable(str(error)) from error
    return lambda: command_seconds(argv, folder)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


def _recorded(perf: str, times: int, folder: Path) -> Path:
    """A program that touches memory, recorded with call chains.  Raises Unavailable."""
    path = folder / "perf.data"
    work = [sys.executable, "-c", _TOUCH.format(times=times)]
    argv = [perf, "record", "-q", "-g", "-o", str(path), "-e", _EVENTS, "--", *work]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        raise Unavailable("perf may not record here: give --perf-data FILE")
    return path


def trace_cmd_races(data: Path | None, cycles: int) -> Iterator[Race]:
    """The report of a trace.dat file against ``trace-cmd report``.

    If none is given: of the plan, long enough that not the interpreter's start decides.
    """
    name = data.name if data else f"the plan, {cycles} times 66 k events"
    yield Race(
        group="trace.dat",
        name=f"replay {name}, whole process",
        unit="s",
        work=1,
        yardstick="trace-cmd report",
        prepare=partial(_prepare_trace_cmd, data, cycles),
    )


def _prepare_trace_cmd(data: Path | None, cycles: int, folder: Path) -> tuple[Run, Run]:
    tool = _tool("trace-cmd")
    path = data or sample(folder, "plan.dat", cycles).path
    theirs = [tool, "report", "-i", str(path)]
    return report_run(path, folder, 1), _yardstick(theirs, folder, given=data is not None)

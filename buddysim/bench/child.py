"""Measurements that need a process of their own: start-up, whole commands, peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from buddysim.bench.race import Race, Run
from buddysim.errors import ConfigError
from buddysim.units import format_bytes

__all__ = ["command_seconds", "memory_races", "peak_megabytes", "start_races"]

_IMPORT_ONLY = "import typer, rich.console, rich.table"
_BUILD = (
    "from buddysim.mm.machine import MachineSpec, build_machine\n"
    "build_machine(MachineSpec.from_mem({mem}, profile='6.12'))\n"
)
_STREAM = "from buddysim.bench.scaling import stream_seconds\nstream_seconds({events}, {mem})\n"
_NOTHING = "import buddysim.replay.engine\n"
_TELL_PEAK = """
import os, re
from pathlib import Path
os.write(1, re.search(rb"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_bytes())[1])
"""
_SCRIPT_PAIRS = 25
_NO_EVENTS = b"No page allocation events found"
"""What perf kmem says, with success, of a recording it cannot use."""
_MEGABYTE = 1e6


def command_seconds(argv: list[str], folder: Path, allowed: tuple[int, ...] = (0,)) -> float:
    """CPU seconds (user and system) of one command, its output thrown away.

    ``folder`` keeps the bytecode of whatever is imported, ours and the yardstick's alike, so that
    only the first run compiles.  Raises ConfigError for a status that is not ``allowed``.
    """
    known = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    known.pop("PYTHONDONTWRITEBYTECODE", None)
    before = _children_seconds()
    done = subprocess.run(argv, capture_output=True, env=known, check=False)
    seconds = _children_seconds() - before
    if done.returncode not in allowed or _NO_EVENTS in done.stdout + done.stderr:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise ConfigError(f"{' '.join(argv)} did not work: {' '.join(said)}")
    return seconds


def _children_seconds() -> float:
    """CPU seconds of all children that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_megabytes(code: str) -> float:
    """Peak resident memory of a Python that runs ``code``, in megabytes (10^6 bytes).

    The child tells it: what ``wait`` reports includes the parent it was forked from.
    Raises CalledProcessError.
    """
    argv = [sys.executable, "-c", code + _TELL_PEAK]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) * 1024 / _MEGABYTE


def start_races(mem_bytes: int) -> Iterator[Race]:
    """Cold start of the command line against importing what every such tool imports; and making a
    machine of this size against importing what makes it."""
    for name, prepare in (
        ("buddysim --help", _prepare_help),
        ("replay, 50 lines", _prepare_script),
    ):
        yield Race("start", name, "s", 1, "importing typer and rich", prepare)
    yield Race(
        group="start",
        name=f"a machine of {format_bytes(mem_bytes)}",
        unit="s",
        work=1,
        yardstick="imports alone",
        prepare=partial(_prepare_machine, mem_bytes),
    )


def _prepare_machine(mem_bytes: int, folder: Path) -> tuple[Run, Run]:
    argv = [sys.executable, "-c", _BUILD.format(mem=mem_bytes)]
    nothing = [sys.executable, "-c", _NOTHING]
    return partial(command_seconds, argv, folder), partial(command_seconds, nothing, folder)


def _prepare_help(folder: Path) -> tuple[Run, Run]:
    return _against_imports([sys.executable, "-m", "buddysim", "--help"], folder)


def _against_imports(argv: list[str], folder: Path) -> tuple[Run, Run]:
    imports = [sys.executable, "-c", _IMPORT_ONLY]
    return partial(command_seconds, argv, folder), partial(command_seconds, imports, folder)


def _prepare_script(folder: Path) -> tuple[Run, Run]:
    script = folder / "fifty.trace"
    script.write_text(_fifty_lines(), encoding="utf-8")
    argv = [sys.executable, "-m", "buddysim", "replay", "--quiet", str(script)]
    return _against_imports(argv, folder)


def _fifty_lines() -> str:
    """A script of fifty statements: blocks taken and given back."""
    numbers = range(_SCRIPT_PAIRS)
    lines = [f"+1us probe_{n % 5} alloc b{n} gfp=GFP_KERNEL" for n in numbers]
    lines += [f"+1us probe_{n % 5} free b{n}" for n in numbers]
    return "\n".join(lines) + "\n"


def memory_races(sizes: tuple[int, ...], events: tuple[int, ...]) -> Iterator[Race]:
    """Peak memory of building machines, and of streaming replays that differ only in length."""
    for mem in sizes:
        name = f"a machine of {format_bytes(mem)}"
        yield _memory_race(name, _BUILD.format(mem=mem), "imports alone", _NOTHING)
    shortest, *longer = (_STREAM.format(events=number, mem=1 << 30) for number in events)
    name = f"streaming {events[0]:,} events, 1G"
    yield _memory_race(name, shortest, "imports alone", _NOTHING)
    for number, code in zip(events[1:], longer, strict=True):
        times = number // events[0]
        told = f"streaming {number:,} events, {times} times longer, 1G"
        yield _memory_race(told, code, name, shortest)


def _memory_race(name: str, code: str, yardstick: str, other: str) -> Race:
    def prepare(_folder: Path) -> tuple[Run, Run]:
        return partial(peak_megabytes, code), partial(peak_megabytes, other)

    return Race("memory", name, "MB", 1, yardstick, prepare)

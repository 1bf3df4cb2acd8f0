"""Measurements that need a process of their own: start-up, whole commands, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

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
_NO_EVENTS = "No page allocation events found"
"""What perf kmem says, with success, of a recording it cannot use."""
_MEGABYTE = 1e6


def command_seconds(argv: list[str], folder: Path, allowed: tuple[int, ...] = (0,)) -> float:
    """Wall seconds of one command, its output thrown away.

    ``folder`` keeps the bytecode of whatever is imported, ours and the yardstick's alike, so that
    only the first run compiles.  Raises ConfigError for a status that is not ``allowed``.
    """
    known = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    known.pop("PYTHONDONTWRITEBYTECODE", None)
    started = perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, env=known, check=False)
    seconds = perf_counter() - started
    if done.returncode not in allowed or _NO_EVENTS in done.stdout + done.stderr:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ConfigError(f"{' '.join(argv)} did not work: {' '.join(said)}")
    return seconds


def peak_megabytes(code: str) -> float:
    """Peak resident memory of a Python that runs ``code``, in megabytes (10^6 bytes).

    The child tells it: what ``wait`` reports includes the parent it was forked from.
    Raises CalledProcessError.
    """
    argv = [sys.executable, "-c", code + _TELL_PEAK]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) * 1024 / _MEGABYTE


def start_races() -> Iterator[Race]:
    """Cold start of the command line against importing what every such tool imports."""
    for name, prepare in (
        ("buddysim --help", _prepare_help),
        ("replay, 50 lines", _prepare_script),
    ):
        yield Race("start", name, "s", 1, "importing typer and rich", prepare)


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
        code = _BUILD.format(mem=mem)
        name = f"a machine of {format_bytes(mem)}"
        yield Race("memory", name, "MB", 1, "imports alone", partial(_prepare_memory, code))
    for number in events:
        code = _STREAM.format(events=number, mem=1 << 30)
        name = f"streaming {number:,} events, 1G"
        yield Race("memory", name, "MB", 1, "imports alone", partial(_prepare_memory, code))


def _prepare_memory(code: str, _folder: Path) -> tuple[Run, Run]:
    return partial(peak_megabytes, code), partial(peak_megabytes, _NOTHING)

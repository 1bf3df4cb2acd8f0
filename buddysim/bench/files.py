"""The made-up plan as a file of every format that can be read.

One cycle of the plan is written, and repeated a second later each time: files of any length cost
little to make, and all formats tell the same events.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from buddysim.bench.binary_files import perf_data, trace_dat
from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.source.write import write_trace
from buddysim.source.write_ftrace import ftrace_lines

__all__ = ["LINE", "Sample", "sample"]

_MEM = 1 << 30
_EVENTS, _LIVE = 65_536, 4096
_SECOND = "     0."
"""How every time stamp of the cycle begins: it lasts less than a second."""
_CHAINS = 1536
_OWN_FRAMES = 6
"""Of a chain, beside those that many share."""
LINE = re.compile(
    r" *(?P<task>.+)-(?P<pid>\d+) +\[(?P<cpu>\d+)\] (?P<flags>\S+) +(?P<time>[\d.]+): "
    r"(?P<event>\w+): (?P<rest>.*)"
)
"""A line of ftrace text."""


@dataclass(frozen=True)
class Sample:
    """A file, and how much there is to read in it."""

    path: Path
    lines: int
    """Of a text; of a binary format: events."""
    bytes: int
    """Before compression."""


def sample(folder: Path, name: str, cycles: int) -> Sample:
    """The file ``name`` in ``folder`` with ``cycles`` (>= 1) times 66 thousand events; made once.

    ``name``: ``plan`` with a suffix of FORMATS, or ``stacks.txt``; after ``.txt`` also ``.gz`` or
    ``.zst``.
    """
    path = folder / f"{cycles}-{name}"
    packing = _PACKINGS.get(path.suffix)
    if packing is not None:
        plain = sample(folder, name.removesuffix(path.suffix), cycles)
        if not path.exists():
            path.write_bytes(packing(plain.path.read_bytes()))
        return Sample(path, plain.lines, plain.bytes)
    if path.suffix in _BINARY:
        trace = _trace(cycles)
        if not path.exists():
            _BINARY[path.suffix](trace, path)
        return Sample(path, trace.events, path.stat().st_size)
    text = _text(name)
    if not path.exists():
        with path.open("w", encoding="utf-8") as file:
            for second in range(cycles):
                file.write(text.replace(_SECOND, f"{second:6d}."))
    return Sample(path, text.count("\n") * cycles, len(text) * cycles)


def _trace(cycles: int) -> PlanTrace:
    plan = build_plan(_EVENTS, _LIVE, drained=True)
    return PlanTrace(plan, _MEM, plan.events * cycles)


@lru_cache(maxsize=3)
def _text(name: str) -> str:
    """One cycle."""
    text = "".join(ftrace_lines(_trace(1)))
    if name == "stacks.txt":
        return "".join(_with_stacks(text.splitlines(keepends=True)))
    if name.endswith(".perf"):
        return "".join(_perf_script(text.splitlines()))
    return text


def _with_stacks(lines: list[str]) -> Iterator[str]:
    """After each event the call chain of it, as ftrace prints them."""
    for number, line in enumerate(lines):
        yield line
        head, colon, _ = line.partition(": mm_page")
        if colon:
            yield f"{head}: <stack trace>\n"
            yield _chain(number % _CHAINS)


@lru_cache(maxsize=_CHAINS)
def _chain(number: int) -> str:
    middle = (f"caller_{number % 96}", *(f"path_{number}_{n}" for n in range(_OWN_FRAMES)))
    return "".join(f" => {frame}\n" for frame in (*_INNERMOST, *middle, *_OUTERMOST))


def _perf_script(lines: list[str]) -> Iterator[str]:
    """The same lines as ``perf script`` prints them."""
    for match in filter(None, map(LINE.match, lines)):
        task, pid, cpu, _flags, time, event, rest = match.groups()
        yield f"{task.strip():>16} {pid:>5} [{cpu}] {time:>12}: {'kmem:' + event:>30}: {rest}\n"


def _zstd(content: bytes) -> bytes:
    import zstandard

    return zstandard.compress(content)


_INNERMOST = (
    "trace_event_raw_event_mm_page_alloc",
    "__alloc_frozen_pages_noprof",
    "alloc_pages_mpol",
    "alloc_pages_noprof",
)
_OUTERMOST = ("do_syscall_64", "entry_SYSCALL_64_after_hwframe")
_PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda content: gzip.compress(content, 1),
    ".zst": _zstd,
}
_BINARY: dict[str, Callable[[PlanTrace, Path], object]] = {
    ".bst": lambda trace, path: write_trace(trace, str(path)),
    ".dat": lambda trace, path: path.write_bytes(trace_dat(trace)),
    ".data": lambda trace, path: path.write_bytes(perf_data(trace)),
}

"""Kernel log text to failure reports, streaming: a journal of any size in bounded memory.

Almost every line of a journal is about something else.  While no report is open only a few words
are searched for in large chunks, and lines are taken apart only around them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from buddysim.errors import TraceError
from buddysim.source.kernel_log_meminfo import continues_memory_line, is_memory_line
from buddysim.source.kernel_log_model import FailureReport, LogReports, Suppressed
from buddysim.source.kernel_log_prefix import LogLine, split_line
from buddysim.source.kernel_log_report import ReportAssembler

__all__ = ["KernelLog", "parse_log", "parse_log_file"]

_CHUNK = 1 << 20
_MAX_LINE = 1 << 16
_LEAD_LINES = 400
_TRIGGERS = (
    b"page allocation",
    b"allocation failed",
    b"oom-killer",
    b"Mem-",
    b"to allocate memory on",
    b"vmalloc",
    b"FAULT_INJ",
    b"s suppressed",
    b"Linux version",
    b"SysRq",
)


class KernelLog:
    """One pass over a log.  Iterate for the reports; ``suppressed`` and ``lines`` fill up."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._assembler = ReportAssembler()
        self._held: LogLine | None = None
        self.lines = 0

    @property
    def suppressed(self) -> list[Suppressed]:
        """What the kernel's rate limit dropped, so far."""
        return self._assembler.suppressed

    def __iter__(self) -> Iterator[FailureReport]:
        rest = b""
        while chunk := self._stream.read(_CHUNK):
            block = rest + chunk
            cut = block.rfind(b"\n") + 1
            if not cut and len(block) < _MAX_LINE:
                rest = block
                continue
            cut = cut or len(block)
            rest = block[cut:]
            yield from self._block(block[:cut])
        if rest:
            yield from self._block(rest)
        self._flush()
        self._assembler.finish()
        yield from self._assembler.take()

    def _block(self, block: bytes) -> Iterator[FailureReport]:
        position = 0
        found = {trigger: block.find(trigger) for trigger in _TRIGGERS}
        while position < len(block):
            if self._is_bored():
                start = self._next_trigger(block, position, found)
                self.lines += block.count(b"\n", position, start)
                position = start
                if position >= len(block):
                    return
            end = block.find(b"\n", position) + 1 or len(block)
            self.lines += 1
            for line in split_line(block[position : min(end, position + _MAX_LINE)], self.lines):
                self._push(line)
            position = end
            yield from self._assembler.take()

    def _is_bored(self) -> bool:
        return (
            self.lines >= _LEAD_LINES
            and self._assembler.is_idle
            and (self._held is None or not _matters(self._held))
        )

    @staticmethod
    def _next_trigger(block: bytes, position: int, found: dict[bytes, int]) -> int:
        """Start of the next line that holds a trigger word; the block's end without."""
        nearest = len(block)
        for trigger, at in found.items():
            ahead = block.find(trigger, position) if 0 <= at < position else at
            found[trigger] = ahead
            if 0 <= ahead < nearest:
                nearest = ahead
        if nearest == len(block):
            return nearest
        return max(block.rfind(b"\n", 0, nearest) + 1, position)

    def _push(self, line: LogLine) -> None:
        """Join a wrapped line to its beginning; hand on what is complete."""
        held = self._held
        if held is not None and _continues(held, line):
            joint = "" if held.text.endswith("|") else " "
            text = f"{held.text}{joint}{line.text}"
            self._held = LogLine(held.number, text, held.time, held.tag, held.has_prefix)
            return
        self._flush()
        self._held = line

    def _flush(self) -> None:
        if self._held is not None:
            self._assembler.feed(self._held)
            self._held = None


def _matters(line: LogLine) -> bool:
    return any(trigger.decode() in line.text for trigger in _TRIGGERS)


def _continues(held: LogLine, line: LogLine) -> bool:
    if not held.text or len(held.text) > _MAX_LINE:
        return False
    if held.has_prefix and line.time is not None and line.number != held.number:
        return False
    if line.number == held.number or is_memory_line(line.text):
        return False
    if held.text.endswith((" ?", " from")) or _is_inside_mask(held.text, line.text):
        return True
    if held.text.startswith("lowmem_reserve"):
        return line.text.replace(" ", "").isdigit()
    return continues_memory_line(line.text)


def _is_inside_mask(text: str, following: str) -> bool:
    return text.endswith("|") and following.startswith(("__GFP_", "GFP_"))


def parse_log(data: bytes | BinaryIO) -> LogReports:
    """Every report in a log, in the order of their headers."""
    log = KernelLog(io.BytesIO(data) if isinstance(data, bytes) else data)
    reports = list(log)
    reports.sort(key=lambda report: report.line)
    return LogReports(reports, log.suppressed, log.lines)


def parse_log_file(path: Path) -> LogReports:
    """As :func:`parse_log`.  Raises TraceError when the file cannot be read."""
    try:
        with path.open("rb") as stream:
            return parse_log(stream)
    except OSError as error:
        raise TraceError(f"cannot read: {error.strerror or error}", path=str(path)) from error

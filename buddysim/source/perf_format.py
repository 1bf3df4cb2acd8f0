"""The tracepoint formats inside a perf.data file: which field is where in a raw record.

The section is what trace-cmd's ``trace.dat`` begins with: a magic, the sizes of the recording
machine, the ftrace headers, then every event's ``format`` file and /proc/kallsyms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from mmap import mmap
from typing import NamedTuple

__all__ = [
    "Cursor",
    "Field",
    "Format",
    "TracingData",
    "parse_format",
    "parse_tracing_data",
    "read_event_formats",
    "read_ftrace_formats",
    "read_header_info",
]

_MAGIC = b"\x17\x08\x44tracing"
_NAME = re.compile(r"^name: (\w+)", re.MULTILINE)
_ID = re.compile(r"^ID: (\d+)", re.MULTILINE)
_FIELD = re.compile(
    r"^\s*field:(?P<declaration>[^;]+);\s*offset:(?P<offset>\d+);\s*size:(?P<size>\d+);"
    r"(?:\s*signed:(?P<signed>\d);)?",
    re.MULTILINE,
)
_DECLARED_NAME = re.compile(r"(\w+)(?:\[[^\]]*\])?$")


class Field(NamedTuple):
    """Where a value lies in the raw record, in bytes."""

    offset: int
    size: int
    signed: bool

    def value(self, raw: bytes) -> int:
        """The value; 0 when the record is too short for it."""
        data = raw[self.offset : self.offset + self.size]
        return int.from_bytes(data, "little", signed=self.signed)


class Format(NamedTuple):
    """One tracepoint."""

    name: str
    id: int
    """``common_type`` of its records."""
    fields: dict[str, Field]


@dataclass
class TracingData:
    """What the section holds of use here."""

    formats: dict[int, Format] = field(default_factory=dict)
    """By ``common_type``."""
    kallsyms: bytes = b""


def parse_format(text: str) -> Format | None:
    """A ``format`` file; None when it names no event."""
    name, number = _NAME.search(text), _ID.search(text)
    if name is None or number is None:
        return None
    fields = {}
    for match in _FIELD.finditer(text):
        declared = _DECLARED_NAME.search(match["declaration"].strip())
        if declared is not None:
            fields[declared[1]] = Field(
                int(match["offset"]), int(match["size"]), match["signed"] == "1"
            )
    return Format(name[1], int(number[1]), fields)


class Cursor:
    """Reads bytes front to back.  Raises ValueError when there are too few."""

    def __init__(self, data: bytes | mmap, pos: int = 0) -> None:
        self._data = data
        self.pos = pos

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        piece = self._data[self.pos : self.pos + size]
        if size < 0 or len(piece) < size:
            raise ValueError("tracing data cut")
        self.pos += size
        return piece

    def number(self, size: int) -> int:
        """The next little-endian number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def string(self) -> bytes:
        """Up to the next zero byte, which is passed over."""
        end = self._data.find(b"\0", self.pos)
        if end < 0:
            raise ValueError("string without end")
        piece = self._data[self.pos : end]
        self.pos = end + 1
        return piece


def read_header_info(cursor: Cursor) -> bytes:
    """Pass over ``header_page`` and ``header_event``; the text of the first."""
    cursor.string()
    page = cursor.take(cursor.number(8))
    cursor.string()
    cursor.take(cursor.number(8))
    return page


def read_ftrace_formats(cursor: Cursor) -> list[bytes]:
    """Texts of ftrace's own events."""
    return [cursor.take(cursor.number(8)) for _ in range(cursor.number(4))]


def read_event_formats(cursor: Cursor) -> list[bytes]:
    """Texts of the events of all subsystems."""
    texts = []
    for _ in range(cursor.number(4)):
        cursor.string()  # name of the subsystem
        texts += [cursor.take(cursor.number(8)) for _ in range(cursor.number(4))]
    return texts


def parse_tracing_data(data: bytes) -> TracingData:
    """The whole section.  Raises ValueError when it is damaged."""
    cursor = Cursor(data)
    if cursor.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("tracing data without its magic")
    cursor.string()  # version
    if cursor.number(1):
        raise ValueError("tracing data of a big-endian machine")
    cursor.number(1)  # bytes of a long
    cursor.number(4)  # page size
    read_header_info(cursor)
    found = TracingData()
    for text in (*read_ftrace_formats(cursor), *read_event_formats(cursor)):
        parsed = parse_format(text.decode("utf-8", "replace"))
        if parsed is not None:
            found.formats[parsed.id] = parsed
    found.kallsyms = cursor.take(cursor.number(4))
    return found

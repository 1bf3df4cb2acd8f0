"""Pages of the kernel's trace ring buffer, as they come out of ``trace_pipe_raw``.

A page begins with the time of its first entry and the number of bytes in use, whose upper bits
tell of lost events.  An entry's first 32 bits are its type or length (5 bits) and the time since
the entry before (27 bits); the rest is the raw record that the event's format describes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["PageLayout", "RingPage", "page_of"]

_WORD = struct.Struct("<I")
_TIME = struct.Struct("<Q")
_TYPE_BITS, _DELTA_BITS = 5, 27
_TYPE_MASK = (1 << _TYPE_BITS) - 1
_PADDING, _TIME_EXTEND, _TIME_STAMP = 29, 30, 31
_USED_MASK = (1 << 20) - 1
_LOST_STORED, _LOST = 1 << 30, 1 << 31
_HIGH_BITS = 0xF8 << 56
"""Of a time: an absolute time stamp leaves them out."""


class PageLayout(NamedTuple):
    """How the pages of one kernel look; from its ``header_page`` file."""

    page_bytes: int = 4096
    commit_bytes: int = 8
    data_offset: int = 16


class RingPage(NamedTuple):
    """One page, its entries not read yet."""

    time: int
    """Of its first entry, in units of the trace clock."""
    data: bytes
    """From the first entry on, as far as it is used."""
    lost: int
    """Events lost just before it; -1: some, nobody counted."""

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """(time, raw record) in order.  Raises ValueError when the page contradicts itself."""
        data, time, pos = self.data, self.time, 0
        end = len(data)
        while pos + 4 <= end:
            (word,) = _WORD.unpack_from(data, pos)
            kind, delta = word & _TYPE_MASK, word >> _TYPE_BITS
            if 1 <= kind < _PADDING:
                start, pos = pos + 4, pos + 4 + 4 * kind
                time += delta
            else:
                if kind == _PADDING and not delta:
                    return
                if pos + 8 > end:
                    raise ValueError("entry cut")
                (number,) = _WORD.unpack_from(data, pos + 4)
                if kind == _TIME_EXTEND:
                    time += number << _DELTA_BITS | delta
                    pos += 8
                    continue
                if kind == _TIME_STAMP:
                    time = time & _HIGH_BITS | number << _DELTA_BITS | delta
                    pos += 8
                    continue
                if number < 4:
                    raise ValueError(f"entry of {number} bytes")
                start, pos = pos + 8, pos + 4 + number
                time += delta
                if kind == _PADDING:
                    continue
            if pos > end:
                raise ValueError("entry beyond the page")
            yield time, data[start:pos]


def page_of(content: bytes, layout: PageLayout) -> RingPage:
    """A page's head.  Raises ValueError for one that is cut or says it holds more than it can."""
    if len(content) < layout.data_offset:
        raise ValueError("page cut")
    (time,) = _TIME.unpack_from(content)
    commit = int.from_bytes(content[8 : 8 + layout.commit_bytes], "little")
    used = commit & _USED_MASK
    end = layout.data_offset + used
    if end > len(content):
        raise ValueError(f"page with {used} bytes in use")
    lost = 0
    if commit & _LOST:
        counted = content[end : end + layout.commit_bytes]
        is_counted = commit & _LOST_STORED and len(counted) == layout.commit_bytes
        lost = int.from_bytes(counted, "little") if is_counted else -1
    return RingPage(time, content[layout.data_offset : end], lost)

"""How one kernel lays out its trace ring buffer, and what its trace clock's times mean."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ABSENT", "LATEST_NS", "EntryLayout", "PageLayout", "TraceClock"]

ABSENT = 1 << 16
"""A type that no entry can have."""
LATEST_NS = (1 << 62) - 1
"""No event is later: such a time is damage."""
_ALL_BITS = (1 << 64) - 1


class PageLayout(NamedTuple):
    """How the pages of one kernel look; from its ``header_page`` file."""

    page_bytes: int = 4096
    commit_bytes: int = 8
    data_offset: int = 16
    """Of the first entry; at least 8 + ``commit_bytes``."""


class EntryLayout(NamedTuple):
    """What must be known of entries that are no events."""

    stack_type: int = ABSENT
    """``common_type`` of ``kernel_stack``."""
    frames_at: int = 16
    """Offset of its frames."""
    is_counted: int = 0
    """1: the number of frames is the 32-bit number behind the record's head."""
    user_stack_type: int = ABSENT


class TraceClock(NamedTuple):
    """How the trace clock's time becomes nanoseconds: ``(time * multiplier >> shift) + offset``."""

    multiplier: int = 1
    """32 bits."""
    shift: int = 0
    """0..63."""
    offset: int = 0
    """Of any size and sign."""

    def ns(self, time: int) -> int:
        """The nanoseconds of a time of the clock."""
        return (time * self.multiplier >> self.shift) + self.offset

    def bounds(self) -> tuple[int, int]:
        """Least and greatest product that give a possible time; the one beyond the other: none."""
        least = max(0, -self.offset)
        greatest = min(LATEST_NS - self.offset, _ALL_BITS - 1)
        return (least, greatest) if least <= greatest else (1, 0)

"""What the scanners make of an event's text, and whom they ask about text they do not know."""

from __future__ import annotations

from typing import Protocol

__all__ = [
    "EVENT_IGNORED",
    "EVENT_NONE",
    "EVENT_OTHER",
    "EVENT_PAGE",
    "EVENT_RARE",
    "EVENT_SLAB",
    "EVENT_STACK",
    "Decoder",
]

EVENT_PAGE = 0
"""Shape of an event's text: ``pfn=NUMBER TAIL``."""
EVENT_SLAB = 1
"""``call_site=SYMBOL ptr=NUMBER TAIL``."""
EVENT_STACK = 2
"""Not an event: announces the call chain of the last event of the same cpu."""
EVENT_RARE = 3
"""Known, infrequent: the text goes to :meth:`Decoder.rare` each time."""
EVENT_OTHER = 4
"""A tracepoint nobody here interprets; a row is kept, its text is not."""
EVENT_IGNORED = 5
"""Known and of no interest; its call chain neither."""
EVENT_NONE = 6
"""Not an event."""


class Decoder(Protocol):
    """What a scanner asks about a piece of text that it meets for the first time.

    Methods answer None for text that is not what it should be; the line is then skipped.
    """

    def head(self, text: bytes) -> tuple[int, int, int, int] | None:
        """Task index, caller index, cpu, context bits."""
        ...

    def event(self, text: bytes) -> tuple[int, int, int, int]:
        """EventKind, shape (``EVENT_*``), 1 when a null page means failure, name index."""
        ...

    def tail(self, text: bytes) -> tuple[int, int, int, int] | None:
        """Order, migratetype, gfp mask, aux."""
        ...

    def site(self, text: bytes) -> int:
        """Caller index of the text before ``ptr=``; 0 when it names none."""
        ...

    def frames(self, text: bytes) -> tuple[int, int]:
        """Stack index, caller index (0: the chain names none)."""
        ...

    def rare(self, kind: int, text: bytes) -> tuple[int, int, int, int] | None:
        """Order, migratetype, gfp mask, aux of an event without pfn or pointer."""
        ...

    def odd_line(self, text: bytes) -> tuple[int, int] | None:
        """Lost events and cpu for a line that is no event; (0, 0) when it needs no row."""
        ...

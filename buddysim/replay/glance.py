"""The machine over time: at most a few hundred glances, evenly spaced by event number.

Taken in the inner loop, as bare numbers: most are dropped again, and the others are made into
samples only where somebody asks (``looks.py``).  Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from buddysim.kernel.constants import NR_PAGE_ORDERS
from buddysim.mm.zone import Zone
from buddysim.source.event import EventBatch

if TYPE_CHECKING:
    from buddysim.replay.loop import LoopState

__all__ = ["EVENT", "FAILED", "HEAD_WORDS", "LIVE", "TIME", "USED", "WORDS_PER_ZONE", "Glances"]

EVENT, TIME, FAILED, LIVE, USED = range(5)
"""First words of a glance: events done, time of the last, failures so far, pages that the callers
of the trace hold, all pages in use."""
HEAD_WORDS = 5
WORDS_PER_ZONE = 1 + NR_PAGE_ORDERS
"""Then for each zone its free pages, and its free blocks by order."""

_HEAD_WORDS = HEAD_WORDS
_NR_ORDERS = NR_PAGE_ORDERS
_FIRST_STRIDE = 16
_CALLERS_KEPT = 8192
"""With more of them (callers by whole call chain), their holdings are not kept."""
_NOBODY = array("q")


class Glances:
    """Takes one every ``stride`` events; full, it drops every second one and doubles the stride.

    So what is kept depends on the events alone, not on how they are batched.
    """

    def __init__(self, zones: list[Zone], most: int, events: int = 0) -> None:
        """``events``: how many will come, where that is known: saves glances dropped later."""
        self.zones = zones
        self.most = max(most, 2)
        self.stride = _FIRST_STRIDE
        while events // self.stride >= self.most:
            self.stride *= 2
        self.next_event = self.stride
        self.width = HEAD_WORDS + WORDS_PER_ZONE * len(zones)
        self.column = array("q", [0]) * (self.width * (self.most + 2))
        """One glance after the other, ``width`` words each."""
        self.words = self.column  # compiled: a view of it
        self.held: list[array[int]] = []
        """By glance: pages held, by caller index; empty when there are too many callers."""
        self.count = 0

    def due(self, batch: EventBatch, row: int, end: int, state: LoopState) -> int:
        """Take one if its moment has come, ``row`` rows of the batch being done.

        Returns the row before which to ask again, ``end`` at the latest.
        """
        event = batch.first + row
        if event == self.next_event:
            self.take(event, batch.time_ns[row - 1], state)
        return min(end, self.next_event - batch.first)

    def take(self, event: int, time_ns: int, state: LoopState) -> None:
        """Take one after ``event`` events.  O(zones x cpus + callers)."""
        words, live_pages = self.words, state.live_pages
        at = self.count * self.width
        words[at] = event
        words[at + 1] = time_ns
        words[at + 2] = state.failed
        words[at + 3] = self.held_pages(live_pages)
        words[at + 4] = self.used_pages(at + _HEAD_WORDS)
        self.held.append(live_pages[:] if len(live_pages) <= _CALLERS_KEPT else _NOBODY)
        self.count += 1
        if self.count > self.most:
            self.thin()
        self.next_event = (event // self.stride + 1) * self.stride

    def held_pages(self, live_pages: array[int]) -> int:
        """What the callers of the trace hold."""
        held = 0
        for caller in range(len(live_pages)):
            held += live_pages[caller]
        return held

    def used_pages(self, at: int) -> int:
        """Write down each zone from word ``at`` on; all pages in use."""
        words = self.words
        used = 0
        for zone in self.zones:
            used += zone.managed - zone.free - zone.drift() - zone.pcp_pages()
            words[at] = zone.free
            for order in range(_NR_ORDERS):
                words[at + 1 + order] = zone.nr_free[order]
            at += 1 + _NR_ORDERS
        return used

    def thin(self) -> None:
        """Drop every second one."""
        self.stride *= 2
        kept = 0
        for glance in range(self.count):
            at, to = glance * self.width, kept * self.width
            if self.words[at] % self.stride == 0:
                for word in range(self.width):
                    self.words[to + word] = self.words[at + word]
                self.held[kept] = self.held[glance]
                kept += 1
        del self.held[kept:]
        self.count = kept

    def finish(self, event: int, time_ns: int, state: LoopState) -> array[int]:
        """The words of all that are left, one after the last event among them."""
        if self.words[(self.count - 1) * self.width] != event:
            self.take(event, time_ns, state)
        return self.column[: self.count * self.width]

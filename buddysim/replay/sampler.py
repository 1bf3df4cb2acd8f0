"""The machine over time: at most a few hundred looks, evenly spaced by event number."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from buddysim.replay.glance import blank_glance, glance
from buddysim.replay.looks import Look, Looks

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Sampler"]

_FIRST_STRIDE = 16
_CALLERS_KEPT = 8192
"""With more of them (callers by whole call chain), their holdings are not kept."""
_NOBODY = array("q")


class Sampler:
    """Takes a look every ``stride`` events; full, it drops every second one and doubles it.

    So the samples depend on the events alone, not on how they are batched.
    """

    def __init__(self, run: Run, events: int = 0) -> None:
        """``events``: how many will come, where that is known: saves the looks dropped later."""
        self._run = run
        self._zones = run.machine.zones
        self._limit = max(run.config.max_samples, 2)
        self._stride = _FIRST_STRIDE
        while events // self._stride >= self._limit:
            self._stride *= 2
        self._looks: list[Look] = []
        self._blank = blank_glance(self._zones)
        self.next_event = self._stride
        self.take(0, 0)

    def take(self, event: int, time_ns: int) -> None:
        """Look now; ``event`` rows are done."""
        self._look(event, time_ns)
        if len(self._looks) > self._limit:
            self._stride *= 2
            self._looks = [each for each in self._looks if each.event % self._stride == 0]
        self.next_event = (event // self._stride + 1) * self._stride

    def last(self, event: int, time_ns: int) -> Looks:
        """The look after the last event; all that are left."""
        if self._looks[-1].event != event:
            self._look(event, time_ns)
        return Looks(self._looks, self._run.tables.callers)

    def _look(self, event: int, time_ns: int) -> None:
        live = self._run.loop.live_pages
        words = self._blank[:]
        live_pages = glance(self._zones, live, words)
        held = live[:] if len(live) <= _CALLERS_KEPT else _NOBODY
        failed = self._run.tally.totals.failed
        self._looks.append(Look(event, time_ns, words, failed, live_pages, held))

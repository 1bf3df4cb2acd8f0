"""The machine over time: at most a few hundred looks, evenly spaced by event number."""

from __future__ import annotations

from array import array
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from buddysim.replay.glance import WORDS_PER_ZONE, blank_glance, glance
from buddysim.replay.outcome import Occupancy, Sample

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Sampler"]

_FIRST_STRIDE = 16
_CALLERS_SHOWN = 8
_CALLERS_KEPT = 8192
"""With more of them (callers by whole call chain), their holdings are not kept."""


class Sampler:
    """Takes a look every ``stride`` events; full, it drops every second one and doubles it.

    So the samples depend on the events alone, not on how they are batched.
    """

    def __init__(self, run: Run, events: int = 0) -> None:
        """``events``: how many will come, where that is known: saves the looks dropped later."""
        self._run = run
        self._limit = max(run.config.max_samples, 2)
        self._stride = _FIRST_STRIDE
        while events // self._stride >= self._limit:
            self._stride *= 2
        self._held: dict[int, array[int]] = {}
        """Event of a sample -> pages held, by caller index."""
        self._looks: list[_Look] = []
        self._blank = blank_glance(run.machine.zones)
        self.next_event = self._stride
        self.take(0, 0)

    def take(self, event: int, time_ns: int) -> None:
        """Look now; ``event`` rows are done."""
        self._look(event, time_ns)
        if len(self._looks) > self._limit:
            self._stride *= 2
            self._looks = [each for each in self._looks if each.event % self._stride == 0]
            self._held = {each.event: self._held[each.event] for each in self._looks}
        self.next_event = (event // self._stride + 1) * self._stride

    def last(self, event: int, time_ns: int) -> None:
        """The look after the last event."""
        if self._looks[-1].event != event:
            self._look(event, time_ns)

    def occupancy(self) -> list[Occupancy]:
        """What the largest holders held at each sample.  O(samples x callers)."""
        by_caller = enumerate(map(max, zip_longest(*self._held.values(), fillvalue=0)))
        peaks = {caller: pages for caller, pages in by_caller if pages > 0}
        names = self._run.tables.callers
        largest = sorted(peaks, key=lambda caller: (-peaks[caller], names[caller]))
        return [
            Occupancy(
                names[caller],
                tuple(held[caller] if caller < len(held) else 0 for held in self._held.values()),
            )
            for caller in largest[:_CALLERS_SHOWN]
        ]

    def samples(self) -> list[Sample]:
        """What was seen at the looks that were kept.  O(looks x zones x orders)."""
        return [_sample(look) for look in self._looks]

    def _look(self, event: int, time_ns: int) -> None:
        run = self._run
        live = run.loop.live_pages
        words = self._blank[:]
        held = glance(run.machine.zones, live, words)
        self._held[event] = live[:] if len(live) <= _CALLERS_KEPT else array("q")
        self._looks.append(_Look(event, time_ns, words, run.tally.totals.failed, held))


class _Look(NamedTuple):
    """What must be read at the moment itself: most looks are dropped again."""

    event: int
    time_ns: int
    words: array[int]
    """See :func:`~buddysim.replay.glance.glance`."""
    failed: int
    held: int


def _sample(look: _Look) -> Sample:
    *words, used = look.words
    return Sample(
        look.event,
        look.time_ns,
        tuple(words[::WORDS_PER_ZONE]),
        look.failed,
        look.held,
        tuple(
            tuple(words[at + 1 : at + WORDS_PER_ZONE])
            for at in range(0, len(words), WORDS_PER_ZONE)
        ),
        max(used - look.held, 0),
    )

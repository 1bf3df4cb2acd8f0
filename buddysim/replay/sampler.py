"""The machine over time: at most a few hundred looks, evenly spaced by event number."""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from buddysim.mm.fragmentation import unusable_free_index
from buddysim.replay.glance import WORDS_PER_ZONE, blank_glance, glance
from buddysim.replay.outcome import Occupancy, Sample

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Sampler"]

_FIRST_STRIDE = 16
_SHOWN_ORDERS = (3, 9)
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
        peaks: dict[int, int] = {}
        for held in self._held.values():
            for caller, pages in enumerate(held):
                if pages > peaks.get(caller, 0):
                    peaks[caller] = pages
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
        words = array("q", self._blank)
        held = glance(run.machine.zones, live, words)
        self._held[event] = array("q", live if len(live) <= _CALLERS_KEPT else ())
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
    free = tuple(words[::WORDS_PER_ZONE])
    nr_free = tuple(
        tuple(words[at + 1 : at + WORDS_PER_ZONE]) for at in range(0, len(words), WORDS_PER_ZONE)
    )
    return Sample(
        look.event,
        look.time_ns,
        free,
        tuple(_largest(each) for each in nr_free),
        look.failed,
        look.held,
        nr_free,
        tuple(_unusable(each) for each in nr_free),
        max(used - look.held, 0),
    )


def _largest(nr_free: tuple[int, ...]) -> int:
    return max((order for order, blocks in enumerate(nr_free) if blocks), default=-1)


@lru_cache(maxsize=256)  # idle zones look the same every time
def _unusable(nr_free: tuple[int, ...]) -> tuple[float, float]:
    low, high = (unusable_free_index(nr_free, order) / 1000 for order in _SHOWN_ORDERS)
    return low, high

"""What can be told of the glances that were taken at a machine."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from buddysim.mm.fragmentation import unusable_free_indexes
from buddysim.replay.glance import (
    EVENT,
    FAILED,
    HEAD_WORDS,
    LIVE,
    TIME,
    USED,
    WORDS_PER_ZONE,
)

__all__ = ["Looks", "Occupancy", "Sample"]

_SHOWN_ORDERS = (3, 9)
_KEPT = 256
_CALLERS_SHOWN = 8


class Sample(NamedTuple):
    """The machine at one moment.  Tuples follow ``RunResult.zones``."""

    event: int
    time_ns: int
    free_pages: tuple[int, ...]
    failed: int
    """Failures so far."""
    live_pages: int
    nr_free: tuple[tuple[int, ...], ...] = ()
    """Free blocks by order."""
    earlier_pages: int = 0
    """Pages in use that no caller of the trace holds."""

    @property
    def largest_order(self) -> tuple[int, ...]:
        """Largest order with a free block, -1 for none."""
        return tuple(map(_largest_order, self.nr_free))

    @property
    def unusable_index(self) -> tuple[tuple[float, ...], ...]:
        """Share of free memory in blocks below order 3, and below order 9 (fact sheet 9.1)."""
        return tuple(map(_unusable_index, self.nr_free))


class Occupancy(NamedTuple):
    """What one caller held over the run."""

    caller: str
    pages: tuple[int, ...]
    """By sample."""


@dataclass
class Looks:
    """The glances of one run, in order (:mod:`buddysim.replay.glance`)."""

    words: array[int] = field(default_factory=lambda: array("q"))
    width: int = 1
    """Words of one glance."""
    held: list[array[int]] = field(default_factory=list)
    """Pages held, by caller index; all empty when there are too many callers."""
    callers: Sequence[str] = ()
    """Names, by caller index."""

    def samples(self) -> list[Sample]:
        """One a glance.  O(glances x zones x orders)."""
        starts = range(0, len(self.words), self.width)
        return [_sample(self.words[at : at + self.width]) for at in starts]

    def occupancy(self) -> list[Occupancy]:
        """What the largest holders held at each glance.  O(glances x callers)."""
        columns = self.held
        by_caller = enumerate(map(max, zip_longest(*columns, fillvalue=0)))
        peaks = {caller: pages for caller, pages in by_caller if pages > 0}
        largest = sorted(peaks, key=lambda caller: (-peaks[caller], self.callers[caller]))
        return [
            Occupancy(
                self.callers[caller],
                tuple(held[caller] if caller < len(held) else 0 for held in columns),
            )
            for caller in largest[:_CALLERS_SHOWN]
        ]


def _largest_order(nr_free: Sequence[int]) -> int:
    order = len(nr_free) - 1
    while order >= 0 and not nr_free[order]:
        order -= 1
    return order


@lru_cache(maxsize=_KEPT)
def _unusable_index(nr_free: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(index / 1000 for index in unusable_free_indexes(nr_free, _SHOWN_ORDERS))


def _sample(words: array[int]) -> Sample:
    free = words[HEAD_WORDS::WORDS_PER_ZONE]
    zones = range(HEAD_WORDS, len(words), WORDS_PER_ZONE)
    return Sample(
        words[EVENT],
        words[TIME],
        tuple(free),
        words[FAILED],
        words[LIVE],
        tuple(tuple(words[at + 1 : at + WORDS_PER_ZONE]) for at in zones),
        max(words[USED] - words[LIVE], 0),
    )

"""What was seen when the sampler looked at the machine, and what can be told of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from buddysim.mm.fragmentation import unusable_free_index
from buddysim.replay.glance import WORDS_PER_ZONE

__all__ = ["Look", "Looks", "Occupancy", "Sample"]

_SHOWN_ORDERS = (3, 9)
_CALLERS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Sample:
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
        return tuple(
            max((order for order, blocks in enumerate(nr_free) if blocks), default=-1)
            for nr_free in self.nr_free
        )

    @property
    def unusable_index(self) -> tuple[tuple[float, ...], ...]:
        """Share of free memory in blocks below order 3, and below order 9 (fact sheet 9.1)."""
        return tuple(
            tuple(unusable_free_index(nr_free, order) / 1000 for order in _SHOWN_ORDERS)
            for nr_free in self.nr_free
        )


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What one caller held over the run."""

    caller: str
    pages: tuple[int, ...]
    """By sample."""


class Look(NamedTuple):
    """What must be read at the moment itself: most looks are dropped again."""

    event: int
    time_ns: int
    words: array[int]
    """See :func:`~buddysim.replay.glance.glance`."""
    failed: int
    live_pages: int
    """Pages that all callers hold."""
    held: array[int]
    """Pages held, by caller index; empty when there are too many callers."""


@dataclass
class Looks:
    """The looks of one run, in order."""

    looks: list[Look] = field(default_factory=list)
    callers: Sequence[str] = ()
    """Names, by caller index."""

    def samples(self) -> list[Sample]:
        """One a look.  O(looks x zones x orders)."""
        return [_sample(look) for look in self.looks]

    def occupancy(self) -> list[Occupancy]:
        """What the largest holders held at each look.  O(looks x callers)."""
        columns = [look.held for look in self.looks]
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


def _sample(look: Look) -> Sample:
    *words, used = look.words
    return Sample(
        look.event,
        look.time_ns,
        tuple(words[::WORDS_PER_ZONE]),
        look.failed,
        look.live_pages,
        tuple(
            tuple(words[at + 1 : at + WORDS_PER_ZONE])
            for at in range(0, len(words), WORDS_PER_ZONE)
        ),
        max(used - look.live_pages, 0),
    )

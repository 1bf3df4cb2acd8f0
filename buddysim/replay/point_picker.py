"""Which requests of a recording to fail, decided while it goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.errors import ConfigError
from buddysim.replay.exploration import ExploreOptions
from buddysim.replay.prng import Stream

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.source.event import EventBatch

__all__ = ["PointPicker"]


class PointPicker:
    """One part's share of the points that a strategy chooses among ``total`` requests.

    ``nth``: every request.  ``site``: the first of each caller and call stack, and the first of
    each while a zone is below its low mark.  ``random:N``: N of them, drawn by the seed.  Parts
    take turns.  Raises ConfigError for an unknown strategy.
    """

    def __init__(self, options: ExploreOptions, total: int, part: int = 0, parts: int = 1) -> None:
        word, colon, number = options.strategy.partition(":")
        self._by_site = word == "site" and not colon
        self._drawn: set[int] | None = None
        if word == "random" and colon and number.isdecimal():
            self._drawn = _draw(options.seed, int(number), total)
        elif options.strategy != "nth" and not self._by_site:
            raise ConfigError(f"--strategy {options.strategy}", expected="nth, site or random:N")
        self._sites: set[tuple[int, int, bool]] = set()
        self._limit = options.limit
        self._turn, self._parts = part, parts
        self._picked = 0
        self.expected = 0 if self._by_site else total if self._drawn is None else len(self._drawn)
        """Points of all parts together; 0 when only the recording can tell."""
        if self._limit:
            self.expected = min(self.expected, self._limit)

    def picks(self, number: int, batch: EventBatch, row: int, machine: Machine) -> bool:
        """Fail the request in a row, the ``number``-th of the chosen callers, from 0?"""
        if self._limit and self._picked >= self._limit:
            return False
        if self._drawn is not None and number not in self._drawn:
            return False
        if self._by_site and not self._is_new_site(batch, row, machine):
            return False
        self._picked += 1
        return (self._picked - 1) % self._parts == self._turn

    def _is_new_site(self, batch: EventBatch, row: int, machine: Machine) -> bool:
        short = any(zone.managed and zone.free < zone.wmark(1) for zone in machine.zones)
        site = (batch.caller[row], batch.stack[row], short)
        if site in self._sites:
            return False
        self._sites.add(site)
        return True


def _draw(seed: int, wanted: int, total: int) -> set[int]:
    stream, pool = Stream(seed, "explore"), list(range(total))
    return {pool.pop(stream.below(len(pool))) for _ in range(min(wanted, total))}

"""Who held the pages when a request failed, and who stood where its block could have been.

The work for one failure is bounded: O(callers) for the holders, O(live blocks) when the request
could not use every zone, and at most :data:`_PAGES_LOOKED_AT` pages for those in the way.  Only
the first failures of a run are looked at this closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.replay.ledger import NOWHERE, caller_of, order_of, sim_pfn_of

if TYPE_CHECKING:
    from buddysim.mm.request import Request
    from buddysim.mm.zone import Zone
    from buddysim.replay.failure_row import Holding
    from buddysim.replay.run import Run

__all__ = ["CACHED", "EARLIER", "PAGE_CACHE", "HolderWatch", "earlier_pages"]

EARLIER = "(before the trace)"
"""Pages in use since before the first event, of whom nobody knows."""
PAGE_CACHE = "(page cache)"
CACHED = "(per-cpu lists)"
"""Free pages that a cpu keeps for itself."""

_SHOWN = 6
_FAILURES_LOOKED_AT = 64
_WALKS = 16
_BLOCKS_LOOKED_AT = 32
_PAGES_LOOKED_AT = 4096
_FRAGMENTED = ("fragmented", "wrong-migratetype")
_ORDERS_MAX = 10
_TYPES = 6


class HolderWatch:
    """Looks at the machine at the first failures of a run."""

    def __init__(self, run: Run, failures: int = _FAILURES_LOOKED_AT) -> None:
        self._run = run
        self._left = failures
        self._walks_left = _WALKS

    def look(self, request: Request, cause: str) -> tuple[tuple[Holding, ...], tuple[Holding, ...]]:
        """Holders in the zones the request could use, and those in the way of its block.

        Most pages first.  Empty when enough failures were looked at, or nothing is to be told.
        """
        if not self._left or not 0 <= request.order <= _ORDERS_MAX:
            return (), ()
        self._left -= 1
        zones = _usable_zones(self._run, request)
        fragmented = cause in _FRAGMENTED and request.order > 0
        in_the_way = _in_the_way(self._run, zones, request.order) if fragmented else ()
        return self._holders(zones), in_the_way

    def _holders(self, zones: list[Zone]) -> tuple[Holding, ...]:
        run = self._run
        if len(zones) == len(run.machine.zones):
            pages, in_cache = dict(enumerate(run.loop.live_pages)), len(run.machine.lru)
        elif self._walks_left:
            self._walks_left -= 1
            pages, in_cache = _pages_in(run, zones)
        else:
            return ()
        named = {run.tables.callers[caller]: held for caller, held in pages.items() if held > 0}
        named[EARLIER] = earlier_pages(zones, sum(named.values()) + in_cache)
        named[PAGE_CACHE] = in_cache
        named[CACHED] = sum(zone.free_pcp for zone in zones)
        return _most(named, {})


def earlier_pages(zones: list[Zone], held: int) -> int:
    """Pages of ``zones`` that are neither free nor among the ``held`` ones of known callers."""
    used = sum(zone.managed - zone.true_free - zone.free_pcp for zone in zones)
    return max(used - held, 0)


def _usable_zones(run: Run, request: Request) -> list[Zone]:
    allocator = run.machine.allocator
    highest = allocator.class_index(request.gfp)
    allowed = allocator.zonelist_of(request.gfp, request.node)
    return [zone for zone in allowed if zone.managed and zone.zone_index <= highest]


def _pages_in(run: Run, zones: list[Zone]) -> tuple[dict[int, int], int]:
    """caller -> pages it holds in some of the zones, and the page cache there.  O(live blocks)."""
    spans = [(zone.start_pfn, zone.end_pfn) for zone in zones]
    pages: dict[int, int] = {}
    for entry in run.ledger.live.values():
        pfn = sim_pfn_of(entry)
        if pfn != NOWHERE and _is_within(pfn, spans):
            caller = caller_of(entry)
            pages[caller] = pages.get(caller, 0) + (1 << order_of(entry))
    return pages, sum(_is_within(pfn, spans) for pfn in run.machine.lru)


def _is_within(pfn: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= pfn < end for start, end in spans)


def _in_the_way(run: Run, zones: list[Zone], order: int) -> tuple[Holding, ...]:
    """Who uses the rest of the places of 2^order pages that are nearest to being free."""
    budget = min(_BLOCKS_LOOKED_AT, _PAGES_LOOKED_AT >> order)
    pages: dict[str, int] = {}
    blocks: dict[str, int] = {}
    for zone in zones:
        for start in _nearly_free(zone, order, budget):
            budget -= 1
            found = _users(run, zone, start, order)
            for name, used in found.items():
                pages[name] = pages.get(name, 0) + used
                blocks[name] = blocks.get(name, 0) + 1
    return _most(pages, blocks)


def _nearly_free(zone: Zone, order: int, most: int) -> Iterator[int]:
    """Index of each aligned place of 2^order pages that holds a free block, the largest first."""
    seen: set[int] = set()
    for smaller in range(order - 1, -1, -1):
        for migratetype in range(_TYPES):
            head = zone.list_head(smaller, migratetype)
            index = zone.next[head]
            while index != head:
                if len(seen) >= most:
                    return
                start = index >> order << order
                inside = zone.start <= start <= zone.end - (1 << order)
                if inside and start not in seen:
                    seen.add(start)
                    yield start
                index = zone.next[index]


def _users(run: Run, zone: Zone, start: int, order: int) -> dict[str, int]:
    """name -> pages in use, of one aligned place none of whose free blocks is larger than it."""
    pages: dict[str, int] = {}
    index = start
    while index < start + (1 << order):
        held = zone.order_of[index]
        if held >= 0:
            index += 1 << held
            continue
        step, name = (1 << -held - 2, CACHED) if held < -1 else (1, _user(run, index + zone.base))
        pages[name] = pages.get(name, 0) + step
        index += step
    return pages


def _user(run: Run, pfn: int) -> str:
    ledger = run.ledger
    entry = ledger.live.find(ledger.owner_of(pfn))
    if entry >= 0:
        return run.tables.callers[caller_of(entry)]
    return PAGE_CACHE if pfn in run.machine.lru else EARLIER


def _most(pages: dict[str, int], blocks: dict[str, int]) -> tuple[Holding, ...]:
    """The largest shares, then by name."""
    # Most replays of short traces see no failure.
    from buddysim.replay.failure_row import Holding

    held = [name for name in pages if pages[name] > 0]
    held.sort(key=lambda name: (-pages[name], name))
    return tuple(Holding(name, pages[name], blocks.get(name, 0)) for name in held[:_SHOWN])

"""The exact state of zones as plain data: what a kernel snapshot holds, loaded and dumped.

``load_zone`` puts a :class:`ZoneState` into a fresh zone, ``dump_zone`` takes one out; a dump of
a load is the identity.  Lists are head first, pfns absolute.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from buddysim.errors import ConfigError
from buddysim.mm.free_area import PCP_HEAD, PCP_LISTS
from buddysim.mm.zone import Zone

__all__ = [
    "HOLE",
    "PcpState",
    "ZoneState",
    "dump_free_lists",
    "dump_pageblocks",
    "dump_pcp",
    "load_zone",
    "pindex_parts",
]

HOLE = -1
"""Pageblock without memory."""


@dataclass(frozen=True)
class PcpState:
    """One cpu's lists.  ``lists`` is ((order, migratetype), pfns) with empty lists left out."""

    count: int = 0
    batch: int = 1
    high: int = 0
    high_min: int = 0
    high_max: int = 0
    alloc_factor: int = 0
    free_count: int = 0
    flags: int = 0
    lists: tuple[tuple[tuple[int, int], tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class ZoneState:
    """A zone at one moment.  Pages throughout; marks are without boost; ``free`` is the counter
    that watermark checks read, ``free_diff`` the per-cpu drift not yet folded into it."""

    node: int
    name: str
    zone_index: int
    start_pfn: int
    spanned: int
    present: int
    managed: int
    free: int
    mark_min: int
    mark_low: int
    mark_high: int
    mark_promo: int = 0
    boost: int = 0
    nr_reserved_highatomic: int = 0
    free_highatomic: int = 0
    free_cma: int = 0
    lowmem_reserve: tuple[int, ...] = (0, 0, 0, 0, 0)
    free_diff: tuple[int, ...] = (0,)
    stat_threshold: int = 0
    below_high: bool = False
    boosted_flag: bool = False
    reclaim_active: bool = False
    cma_pages: int = 0
    free_lists: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    pageblocks: tuple[int, ...] = ()
    pcp: tuple[PcpState, ...] = (PcpState(),)
    movable: tuple[tuple[int, int], ...] = field(default=())
    """Runs (first pfn, pages) of used pages on an LRU."""
    free_counts: tuple[tuple[int, int, int], ...] = ()
    """(order, migratetype, blocks) where the lists themselves were not recorded; they are then
    placed by ``mm/layout.py``."""


def pindex_of(order: int, migratetype: int) -> int:
    """Number of the pcp list for an order and type; the inverse of :func:`pindex_parts`."""
    return 12 + (migratetype == 1) if order == 9 else order * 3 + migratetype


def pindex_parts(pindex: int) -> tuple[int, int]:
    """Order and migratetype of a pcp list number (13 = order 9 movable, 12 = order 9 other)."""
    if pindex >= 12:
        return 9, pindex - 12
    return divmod(pindex, 3)


def load_zone(zone: Zone, state: ZoneState) -> None:
    """Bring a freshly built zone into a recorded state.  Raises ConfigError for a broken one."""
    zone.present = state.present
    zone.managed = state.managed
    zone.mark_min = state.mark_min
    zone.mark_low = state.mark_low
    zone.mark_high = state.mark_high
    zone.mark_promo = state.mark_promo
    zone.boost = state.boost
    zone.nr_reserved_highatomic = state.nr_reserved_highatomic
    zone.stat_threshold = state.stat_threshold
    zone.below_high = state.below_high
    zone.boosted_flag = state.boosted_flag
    zone.reclaim_active = state.reclaim_active
    zone.has_cma = state.cma_pages > 0
    for index, reserve in enumerate(state.lowmem_reserve):
        zone.lowmem_reserve[index] = reserve
    first_block = zone.start >> zone.pageblock_order
    for block, migratetype in enumerate(state.pageblocks, first_block):
        if migratetype != HOLE:
            zone.pageblock[block] = migratetype
    for order, migratetype, pfns in state.free_lists:
        for pfn in pfns:
            index = _unlisted(zone, pfn, order)
            zone.load_free_block(index, order, migratetype)
            zone.set_type(index, migratetype)
    for first, pages in state.movable:
        for pfn in range(first, first + pages):
            zone.movable[pfn - zone.base] = 1
    for cpu, pcp in enumerate(state.pcp):
        _load_pcp(zone, cpu, pcp)
    for cpu, diff in enumerate(state.free_diff):
        zone.free_diff[cpu] = diff
    zone.free = state.free
    zone.free_cma = state.free_cma
    zone.free_highatomic = state.free_highatomic


def _unlisted(zone: Zone, pfn: int, order: int) -> int:
    """Index of a recorded block.  Raises ConfigError for one outside the zone or listed twice."""
    index = pfn - zone.base
    if not 0 <= order <= 10 or not zone.start <= index <= zone.end - (1 << order):
        raise ConfigError(f"order-{order} block at pfn {pfn}", expected=f"inside zone {zone.name}")
    if index & ((1 << order) - 1) or zone.order_of[index] != -1:
        raise ConfigError(f"order-{order} block at pfn {pfn}", expected="aligned, and listed once")
    return index


def _load_pcp(zone: Zone, cpu: int, pcp: PcpState) -> None:
    # From the lists, not the recorded count: a count without its pages could never be drained.
    zone.pcp_count[cpu] = sum(len(pfns) << order for (order, _), pfns in pcp.lists)
    zone.pcp_batch[cpu] = pcp.batch
    zone.pcp_high[cpu] = pcp.high
    zone.pcp_high_min[cpu] = pcp.high_min
    zone.pcp_high_max[cpu] = pcp.high_max
    zone.pcp_alloc_factor[cpu] = pcp.alloc_factor
    zone.pcp_free_count[cpu] = pcp.free_count
    zone.pcp_flags[cpu] = pcp.flags
    for (order, migratetype), pfns in pcp.lists:
        head = zone.pcp_list(cpu, pindex_of(order, migratetype))
        for pfn in pfns:
            index = _unlisted(zone, pfn, order)
            zone.list_append(index, head, PCP_HEAD - order)
            zone.set_type(index, zone.pageblock[index >> zone.pageblock_order])


def _walk(zone: Zone, head: int) -> tuple[int, ...]:
    pfns = []
    index = zone.next[head]
    while index != head:
        pfns.append(index + zone.base)
        index = zone.next[index]
    return tuple(pfns)


def dump_free_lists(zone: Zone) -> dict[tuple[int, int], tuple[int, ...]]:
    """(order, migratetype) -> pfns head first, empty lists left out."""
    found = {}
    for order in range(11):
        for migratetype in range(6):
            pfns = _walk(zone, zone.list_head(order, migratetype))
            if pfns:
                found[order, migratetype] = pfns
    return found


def dump_pcp(zone: Zone, cpu: int) -> dict[tuple[int, int], tuple[int, ...]]:
    """(order, migratetype) -> pfns head first of one cpu, empty lists left out."""
    found = {}
    for pindex in range(PCP_LISTS):
        pfns = _walk(zone, zone.pcp_list(cpu, pindex))
        if pfns:
            found[pindex_parts(pindex)] = pfns
    return found


def dump_pageblocks(zone: Zone, like: tuple[int, ...]) -> tuple[int, ...]:
    """Types of the pageblocks ``like`` lists, with its holes kept as holes."""
    first_block = zone.start >> zone.pageblock_order
    return tuple(
        HOLE if recorded == HOLE else zone.pageblock[block]
        for block, recorded in enumerate(like, first_block)
    )

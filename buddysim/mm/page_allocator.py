"""The fast path: one pass over a zonelist, and frees by pfn (fact sheet 5.1).

The slow path is rare and lives in ``slow_path.py``.  Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from buddysim.mm.fallback import ALLOC_CMA, ALLOC_KSWAPD, ALLOC_NOFRAGMENT
from buddysim.mm.zone import Zone

__all__ = ["PageAllocator", "Route"]

_ALLOC_NOFRAGMENT = ALLOC_NOFRAGMENT
_ALLOC_KSWAPD = ALLOC_KSWAPD
_ALLOC_CMA = ALLOC_CMA
_WMARK_LOW = 1
_GFP_DMA = 0x1
_GFP_HIGHMEM = 0x2
_GFP_DMA32 = 0x4
_GFP_MOVABLE = 0x8
_GFP_KSWAPD_RECLAIM = 0x800
_GFP_THISNODE = 0x200000
_CLASS_DMA = 0
_CLASS_DMA32 = 1
_CLASS_NORMAL = 2
_CLASS_HIGHMEM = 3
_CLASS_MOVABLE = 4
_MOVABLE = 1
_ROUTE_BITS = 0x20081F
"""The gfp bits that decide where and how a request starts: zones, types, kswapd, this node."""
_ROUTES = 8


class Route:
    """Where and how requests of one kind start: remembered, since few kinds make all requests."""

    def __init__(self) -> None:
        self.key = -1
        self.zonelist: list[Zone] = []
        self.zone: Zone | None = None
        self.position = 0
        self.class_index = 0
        self.migratetype = 0
        self.flags = 0


class PageAllocator:
    """Zones, zonelists and the attempt that usually succeeds.  GFP masks are canonical."""

    def __init__(self, zones: list[Zone], zonelists: list[list[Zone]], nr_nodes: int) -> None:
        """``zonelists[2 * node]`` falls back to other nodes, ``[2 * node + 1]`` does not."""
        self.zones = zones
        self.zonelists = zonelists
        self.nr_nodes = nr_nodes
        self.nofragment = True
        self.has_dma32 = True
        self.has_highmem = False
        self.grouping_disabled = False
        self.boost_wakes = 0
        self.slow_path_entries = 0
        self.routes = [Route() for _ in range(_ROUTES)]
        self.recent_zone = zones[0] if zones else None

    @property
    def tracks_lru(self) -> bool:
        """Do movable pages look movable as soon as they are allocated?"""
        return any(zone.tracks_lru for zone in self.zones)

    @tracks_lru.setter
    def tracks_lru(self, value: bool) -> None:
        """Set it for every zone."""
        for zone in self.zones:
            zone.tracks_lru = value

    def class_index(self, gfp: int) -> int:
        """Highest zone index a mask allows (fact sheet 2.2)."""
        if gfp & 0xF == 0:
            return _CLASS_NORMAL
        if gfp & _GFP_DMA:
            return _CLASS_DMA
        if gfp & _GFP_DMA32:
            return _CLASS_DMA32 if self.has_dma32 else _CLASS_NORMAL
        if gfp & _GFP_HIGHMEM:
            if gfp & _GFP_MOVABLE:
                return _CLASS_MOVABLE
            if self.has_highmem:
                return _CLASS_HIGHMEM
        return _CLASS_NORMAL

    def migratetype_of(self, gfp: int) -> int:
        """Canonical migratetype a mask asks for (fact sheet 4.7).

        Both mobility flags together mean nothing to a kernel; damaged traces have them.  They
        count as movable here.
        """
        if self.grouping_disabled:
            return 0
        migratetype = (gfp >> 3) & 3
        return migratetype if migratetype < 3 else _MOVABLE

    def fast_flags(self, gfp: int, zonelist: list[Zone], class_index: int) -> int:
        """Alloc flags of the first attempt: LOW mark, KSWAPD, CMA, NOFRAGMENT (6.4)."""
        flags = _WMARK_LOW | (gfp & _GFP_KSWAPD_RECLAIM)
        if (gfp >> 3) & 3 == _MOVABLE:
            flags |= _ALLOC_CMA
        if self.nofragment and self.has_dma32:
            for zone in zonelist:
                if zone.zone_index <= class_index:
                    if zone.zone_index == _CLASS_NORMAL and (
                        self.nr_nodes == 1 or self.node_has_dma32(zone.node)
                    ):
                        flags |= _ALLOC_NOFRAGMENT
                    break
        return flags

    def node_has_dma32(self, node: int) -> bool:
        """Is the node's DMA32 zone populated?"""
        for zone in self.zones:
            if zone.node == node and zone.zone_index == _CLASS_DMA32:
                return zone.managed > 0
        return False

    def zonelist_of(self, gfp: int, node: int) -> list[Zone]:
        """The fallback order a request walks."""
        return self.zonelists[2 * node + (1 if gfp & _GFP_THISNODE else 0)]

    def alloc_fast(self, order: int, gfp: int, cpu: int, node: int) -> int:
        """The first attempt of a request, at the low mark; pfn or -1."""
        route = self.route_of(gfp)
        if route.key != ((gfp & _ROUTE_BITS) | (node << 32)):
            self.find_route(route, gfp, node)
        zone = route.zone
        if zone is None:
            return -1
        index = zone.attempt(cpu, order, route.migratetype, route.class_index, route.flags)
        if zone.boosted_flag:
            self.count_boost(zone, route.flags)
        if index >= 0:
            return index + zone.base
        return self.try_others(order, route, cpu)

    def alloc_woken(self, order: int, gfp: int, alloc_flags: int, cpu: int, node: int) -> int:
        """The attempt right after :meth:`alloc_fast` failed, by slow-path flags; pfn or -1.

        As the first steps of the slow path (fact sheet 5.2 S1, S2) where kswapd, once woken, has
        run and finished.  Counts as a slow path only if it works: else that begins afresh.
        """
        if alloc_flags & _ALLOC_KSWAPD:
            self.drop_boosts()
        route = self.route_of(gfp)
        pfn = self.get_page(
            order, route.migratetype, route.class_index, alloc_flags, route.zonelist, cpu
        )
        if pfn >= 0:
            self.slow_path_entries += 1
        return pfn

    def drop_boosts(self) -> None:
        """kswapd has finished a run: no zone's marks stay boosted (fact sheet 3.3)."""
        for zone in self.zones:
            zone.boost = 0

    def is_free(self, pfn: int) -> bool:
        """Is this page on a free list or a pcp list?"""
        zone = self.near_zone(pfn)
        return zone is not None and zone.block_of(pfn - zone.base) >= 0

    def is_reserve(self, pfn: int) -> bool:
        """Is the zone of a page below its min mark?"""
        zone = self.near_zone(pfn)
        return zone is not None and zone.free < zone.mark_min

    def most_free(self, gfp: int, node: int) -> int:
        """Free pages, per-cpu lists apart, of the fullest zone that a mask allows."""
        highest = self.class_index(gfp)
        most = 0
        for zone in self.zonelist_of(gfp, node):
            if zone.zone_index <= highest:
                most = max(most, zone.free)
        return most

    def route_of(self, gfp: int) -> Route:
        """Where the route of a mask is remembered; perhaps that of another one still."""
        return self.routes[((gfp >> 3) & 3) | ((gfp >> 9) & 4)]

    def find_route(self, route: Route, gfp: int, node: int) -> None:
        """Work out, into ``route``, how requests with these route bits start.

        The zonelists, ``nofragment`` and the like are final once a request was made.
        """
        route.key = (gfp & _ROUTE_BITS) | (node << 32)
        route.zonelist = self.zonelist_of(gfp, node)
        route.class_index = self.class_index(gfp)
        route.migratetype = self.migratetype_of(gfp)
        route.flags = self.fast_flags(gfp, route.zonelist, route.class_index)
        route.zone = None
        for position, zone in enumerate(route.zonelist):
            if zone.zone_index <= route.class_index:
                route.zone = zone
                route.position = position
                break

    def try_others(self, order: int, route: Route, cpu: int) -> int:
        """The rest of a first attempt whose first zone had nothing; pfn or -1."""
        pfn = self.scan_zones(
            order,
            route.migratetype,
            route.class_index,
            route.flags,
            route.zonelist,
            cpu,
            route.position + 1,
        )
        if pfn >= 0 or not route.flags & _ALLOC_NOFRAGMENT:
            return pfn
        flags = route.flags & ~_ALLOC_NOFRAGMENT
        return self.get_page(
            order, route.migratetype, route.class_index, flags, route.zonelist, cpu
        )

    def get_page(
        self,
        order: int,
        migratetype: int,
        class_index: int,
        alloc_flags: int,
        zonelist: list[Zone],
        cpu: int,
    ) -> int:
        """One zonelist pass (repeated without NOFRAGMENT when that was in force); pfn or -1."""
        while True:
            pfn = self.scan_zones(order, migratetype, class_index, alloc_flags, zonelist, cpu, 0)
            if pfn >= 0 or not alloc_flags & _ALLOC_NOFRAGMENT:
                return pfn
            alloc_flags &= ~_ALLOC_NOFRAGMENT

    def scan_zones(
        self,
        order: int,
        migratetype: int,
        class_index: int,
        alloc_flags: int,
        zonelist: list[Zone],
        cpu: int,
        start: int,
    ) -> int:
        """Try each allowed zone from position ``start`` once; pfn or -1.

        NOFRAGMENT stops before a remote node.
        """
        preferred_node = -1
        for position, zone in enumerate(zonelist):
            if zone.zone_index > class_index:
                continue
            if preferred_node < 0:
                preferred_node = zone.node
            elif alloc_flags & _ALLOC_NOFRAGMENT and zone.node != preferred_node:
                return -1
            if position < start:
                continue
            index = zone.attempt(cpu, order, migratetype, class_index, alloc_flags)
            if zone.boosted_flag:
                self.count_boost(zone, alloc_flags)
            if index >= 0:
                return index + zone.base
        return -1

    def count_boost(self, zone: Zone, alloc_flags: int) -> None:
        """A boosted zone wakes kswapd where the request may."""
        if alloc_flags & _ALLOC_KSWAPD:
            zone.boosted_flag = False
            self.boost_wakes += 1

    def zone_of(self, pfn: int) -> Zone | None:
        """The zone that spans a pfn, or None."""
        for zone in self.zones:
            if zone.start_pfn <= pfn < zone.end_pfn:
                return zone
        return None

    def near_zone(self, pfn: int) -> Zone | None:
        """:meth:`zone_of`, which tries the zone of the page before first."""
        zone = self.recent_zone
        if zone is None or pfn < zone.start_pfn or pfn >= zone.end_pfn:
            zone = self.switch_zone(pfn)
        return zone

    def switch_zone(self, pfn: int) -> Zone | None:
        """:meth:`zone_of`, remembered: the next page is likely to be of the same zone."""
        zone = self.zone_of(pfn)
        if zone is not None:
            self.recent_zone = zone
        return zone

    def free_pages(self, pfn: int, order: int, cpu: int = 0) -> bool:
        """Free a block; False when no zone spans it.  The caller vouches that it is in use."""
        zone = self.near_zone(pfn)
        if zone is None:
            return False
        zone.free_block(cpu, pfn - zone.base, order)
        return True

    def drain_pages(self, cpu: int = -1) -> None:
        """Empty the pcp lists of one cpu, or of all."""
        for zone in self.zones:
            if cpu >= 0:
                zone.drain_pages(cpu)
                continue
            for each in range(zone.nr_cpus):
                zone.drain_pages(each)

    def take_pages(self, pfn: int, order: int) -> int:
        """Recorded placement: take exactly this block; pages that were free, -1 = no zone."""
        zone = self.zone_of(pfn)
        if zone is None:
            return -1
        return zone.take_pages(pfn - zone.base, order)

    def take_whole(self, pfn: int, order: int) -> bool:
        """:meth:`take_pages` in the ordinary case; False, and nothing done, in any other."""
        zone = self.near_zone(pfn)
        if zone is None:
            return False
        return zone.take_whole(pfn - zone.base, order)

    def bulk(self, nr_pages: int, gfp: int, cpu: int, node: int) -> list[int]:
        """alloc_pages_bulk: order-0 pages straight from one zone's pcp list; pfns, maybe fewer.

        Falls back to a single ordinary request where no local zone passes low + nr_pages.
        """
        zonelist = self.zonelist_of(gfp, node)
        class_index = self.class_index(gfp)
        migratetype = self.migratetype_of(gfp)
        flags = _WMARK_LOW | (_ALLOC_CMA if migratetype == _MOVABLE else 0)
        pfns: list[int] = []
        preferred_node = -1
        preferred_class = class_index
        for zone in zonelist if nr_pages > 1 else []:
            if zone.zone_index > class_index:
                continue
            if preferred_node < 0:
                preferred_node = zone.node
                preferred_class = zone.zone_index
            elif zone.node != preferred_node:
                break
            mark = zone.wmark(_WMARK_LOW) + nr_pages
            if zone.watermark_fast(0, mark, preferred_class, flags):
                self.bulk_from(zone, nr_pages, migratetype, flags, cpu, pfns)
                break
        return pfns

    def bulk_from(
        self, zone: Zone, nr_pages: int, migratetype: int, flags: int, cpu: int, pfns: list[int]
    ) -> None:
        """Pop up to ``nr_pages`` pages of one pcp list into ``pfns``."""
        zone.cpu = cpu
        while len(pfns) < nr_pages:
            index = zone.pcp_pop(cpu, 0, migratetype, flags)
            if index < 0:
                return
            zone.pgalloc += 1
            pfns.append(index + zone.base)

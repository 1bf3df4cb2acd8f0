"""Requests that slept until there was memory, where it is certain what the slow path does for them.

A recording shows that such a request worked in the end, not by what means.  Hot under pressure and
compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.profile import Profile
from buddysim.mm.fallback import ALLOC_CMA, ALLOC_KSWAPD, ALLOC_NO_WATERMARKS
from buddysim.mm.page_allocator import PageAllocator, Route

__all__ = ["WAITS", "drain_if_worth", "is_roomy", "wait_for_page", "waits"]

WAITS = 0x2000
"""Beside a kind's alloc flags: one of :func:`waits`."""

_WAIT = int(Gfp.DIRECT_RECLAIM)
_ENDS = int(Gfp.NORETRY | Gfp.FS)
"""Gives up by itself, or may have a process killed, which nobody is."""
_SPECIAL = int(Gfp.NOFAIL | Gfp.MEMALLOC | Gfp.NOMEMALLOC)
_MODERN = frozenset({"4.4", "4.19", "modern"})
_ROOMY = 64
_WORTH_DRAINING = 64
_WMARK_MIN = 0
_NO_WATERMARKS = ALLOC_NO_WATERMARKS
_KEPT_FLAGS = ALLOC_KSWAPD | ALLOC_CMA


def waits(profile: Profile, order: int, gfp: int) -> bool:
    """Does the slow path of these requests end after one round, where nothing can be reclaimed?"""
    ordinary = gfp & _WAIT and gfp & _ENDS and not gfp & _SPECIAL
    return bool(ordinary) and order == 0 and profile.slowpath in _MODERN


def wait_for_page(allocator: PageAllocator, gfp: int, alloc_flags: int, cpu: int) -> int:
    """The page that a request of node 0 got which was just refused at the min mark; pfn or -1.

    What :class:`~buddysim.mm.slow_path.SlowPath` comes to on a machine that reclaims and kills
    nothing (fact sheet 5.2): a round in vain, then, since the recorded request did work, what
    draining per-cpu lists gives, then whatever there is below the marks.  -1, and nothing done,
    where another round might help.
    """
    route = allocator.route_of(gfp)
    if not is_roomy(allocator, gfp, 0) or not _is_certain(route, alloc_flags):
        return -1
    allocator.slow_path_entries += 1
    pfn = -1
    if drain_if_worth(allocator):
        pfn = allocator.alloc_fast(0, gfp, cpu, 0)
        if pfn < 0:
            pfn = allocator.alloc_woken(0, gfp, alloc_flags, cpu, 0)
    if pfn < 0:
        allocator.slow_path_entries += 1
        flags = _NO_WATERMARKS | alloc_flags & _KEPT_FLAGS
        pfn = allocator.get_page(
            0, route.migratetype, route.class_index, flags, route.zonelist, cpu
        )
    return pfn


def is_roomy(allocator: PageAllocator, gfp: int, node: int) -> bool:
    """Is so much free, below the marks, that a page's request that waits surely gets one?"""
    return allocator.most_free(gfp, node) >= _ROOMY


def drain_if_worth(allocator: PageAllocator) -> bool:
    """Empty all per-cpu lists as direct reclaim does, if there is enough on those of any zone."""
    for zone in allocator.zones:
        if zone.pcp_pages() >= _WORTH_DRAINING:
            allocator.drain_pages()
            return True
    return False


def _is_certain(route: Route, alloc_flags: int) -> bool:
    """Is there nothing to gain but below the marks?"""
    for zone in route.zonelist:
        if zone.has_cma:
            return False
        if zone.zone_index <= route.class_index:
            free = zone.free + max(zone.drift(), 0)
            mark = zone.wmark(_WMARK_MIN)
            if zone.watermark_ok(0, mark, route.class_index, alloc_flags, free):
                return False
            if zone.highatomic_order() >= 0:
                return False
    return True

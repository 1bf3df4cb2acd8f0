"""Requests that slept until there was memory, where it is certain what the slow path does for them.

A recording shows that such a request worked in the end, not by what means.  Hot under pressure and
compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.profile import Profile
from buddysim.mm.fallback import ALLOC_CMA, ALLOC_KSWAPD, ALLOC_NO_WATERMARKS
from buddysim.mm.page_allocator import PageAllocator, Route

__all__ = ["ROOMY", "WAITS", "WORTH_DRAINING", "wait_for_page", "waits"]

WAITS = 0x2000
"""Beside a kind's alloc flags: one of :func:`waits`."""
ROOMY = 64
"""With so many pages free, below the marks, one that waits surely gets one."""
WORTH_DRAINING = 64
"""Pages on the per-cpu lists of a zone that make direct reclaim's draining them a help."""

_WAIT = int(Gfp.DIRECT_RECLAIM)
_ENDS = int(Gfp.NORETRY | Gfp.FS)
"""Gives up by itself, or may have a process killed, which nobody is."""
_SPECIAL = int(Gfp.NOFAIL | Gfp.MEMALLOC | Gfp.NOMEMALLOC)
_MODERN = frozenset({"4.4", "4.19", "modern"})
_ROOMY = ROOMY
_WORTH_DRAINING = WORTH_DRAINING
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
    if not _is_certain(allocator, route, alloc_flags):
        return -1
    allocator.slow_path_entries += 1
    pfn = -1
    if _drain(allocator):
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


def _drain(allocator: PageAllocator) -> bool:
    """Empty all per-cpu lists, if there is enough on those of any zone."""
    worth = False
    for zone in allocator.zones:
        worth = worth or zone.pcp_pages() >= _WORTH_DRAINING
    if worth:
        for zone in allocator.zones:
            for cpu in range(zone.nr_cpus):
                zone.drain_pages(cpu)
    return worth


def _is_certain(allocator: PageAllocator, route: Route, alloc_flags: int) -> bool:
    """Is there nothing to gain but below the marks, and enough there?"""
    roomy = False
    for zone in route.zonelist:
        if zone.has_cma:
            return False
        if zone.zone_index <= route.class_index:
            free = max(zone.free, zone.free + zone.drift())
            mark = zone.wmark(_WMARK_MIN)
            if zone.watermark_ok(0, mark, route.class_index, alloc_flags, free):
                return False
            if zone.has_highatomic():
                return False
            roomy = roomy or zone.free >= _ROOMY
    return roomy

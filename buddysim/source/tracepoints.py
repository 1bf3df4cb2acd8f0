"""Which tracepoint is which row kind, and which shape its text has (fact sheet 13.1 to 13.4)."""

from __future__ import annotations

from typing import NamedTuple

from buddysim.source.event import EventKind
from buddysim.source.event_shape import EVENT_OTHER, EVENT_PAGE, EVENT_RARE, EVENT_SLAB

__all__ = ["KIND_NAMES", "TRACEPOINTS", "Tracepoint"]


class Tracepoint(NamedTuple):
    """How one tracepoint becomes rows."""

    kind: EventKind
    shape: int
    """``EVENT_*`` of :mod:`buddysim.source.scanner`."""


OTHER = Tracepoint(EventKind.OTHER, EVENT_OTHER)

TRACEPOINTS: dict[str, Tracepoint] = {
    "mm_page_alloc": Tracepoint(EventKind.ALLOC, EVENT_PAGE),
    "mm_page_free": Tracepoint(EventKind.FREE, EVENT_PAGE),
    "mm_page_free_direct": Tracepoint(EventKind.FREE, EVENT_PAGE),
    "mm_page_free_batched": Tracepoint(EventKind.FREE_BATCHED, EVENT_PAGE),
    "mm_pagevec_free": Tracepoint(EventKind.FREE_BATCHED, EVENT_PAGE),
    "mm_page_alloc_zone_locked": Tracepoint(EventKind.ZONE_LOCKED, EVENT_PAGE),
    "mm_page_pcpu_drain": Tracepoint(EventKind.PCPU_DRAIN, EVENT_PAGE),
    "mm_page_alloc_extfrag": Tracepoint(EventKind.EXTFRAG, EVENT_PAGE),
    "kmalloc": Tracepoint(EventKind.KMALLOC, EVENT_SLAB),
    "kmalloc_node": Tracepoint(EventKind.KMALLOC, EVENT_SLAB),
    "kfree": Tracepoint(EventKind.KFREE, EVENT_SLAB),
    "kmem_cache_alloc": Tracepoint(EventKind.KMEM_CACHE_ALLOC, EVENT_SLAB),
    "kmem_cache_alloc_node": Tracepoint(EventKind.KMEM_CACHE_ALLOC, EVENT_SLAB),
    "kmem_cache_free": Tracepoint(EventKind.KMEM_CACHE_FREE, EVENT_SLAB),
    "mm_vmscan_kswapd_wake": Tracepoint(EventKind.KSWAPD_WAKE, EVENT_RARE),
    "mm_vmscan_kswapd_sleep": Tracepoint(EventKind.KSWAPD_SLEEP, EVENT_RARE),
    "mm_vmscan_wakeup_kswapd": Tracepoint(EventKind.WAKEUP_KSWAPD, EVENT_RARE),
    "mm_vmscan_direct_reclaim_begin": Tracepoint(EventKind.RECLAIM_BEGIN, EVENT_RARE),
    "mm_vmscan_direct_reclaim_end": Tracepoint(EventKind.RECLAIM_END, EVENT_RARE),
    "mm_compaction_begin": Tracepoint(EventKind.COMPACTION_BEGIN, EVENT_RARE),
    "mm_compaction_end": Tracepoint(EventKind.COMPACTION_END, EVENT_RARE),
    "mm_compaction_migratepages": Tracepoint(EventKind.COMPACTION_MIGRATE, EVENT_RARE),
    "mark_victim": Tracepoint(EventKind.MARK_VICTIM, EVENT_RARE),
}

KIND_NAMES: dict[int, str] = {
    int(point.kind): name
    for name, point in reversed(TRACEPOINTS.items())
    if not name.endswith(("_direct", "_node")) and name != "mm_pagevec_free"
}
"""The modern tracepoint name of each kind."""

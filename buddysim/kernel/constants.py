"""Numbers that every era of the page allocator shares (fact sheet 1.1, 2.1).

MAX_PAGE_ORDER is inclusive: the largest block has 2^10 pages (4 MiB).  Kernels up to 6.3 called
the exclusive bound MAX_ORDER = 11; the largest order was 10 there as well.
"""

from __future__ import annotations

__all__ = [
    "MAX_ORDER_NR_PAGES",
    "MAX_PAGE_ORDER",
    "NR_PAGE_ORDERS",
    "PAGEBLOCK_NR_PAGES",
    "PAGEBLOCK_ORDER",
    "PAGE_ALLOC_COSTLY_ORDER",
    "PAGE_SHIFT",
    "ZONE_DEVICE",
    "ZONE_DMA",
    "ZONE_DMA32",
    "ZONE_HIGHMEM",
    "ZONE_INDEX",
    "ZONE_MOVABLE",
    "ZONE_NAMES",
    "ZONE_NORMAL",
]

PAGE_SHIFT = 12
MAX_PAGE_ORDER = 10
NR_PAGE_ORDERS = MAX_PAGE_ORDER + 1
MAX_ORDER_NR_PAGES = 1 << MAX_PAGE_ORDER
PAGE_ALLOC_COSTLY_ORDER = 3
"""Orders above this are "costly": the slow path gives up early on them."""
PAGEBLOCK_ORDER = 9
"""x86-64 with huge pages; 10 without."""
PAGEBLOCK_NR_PAGES = 1 << PAGEBLOCK_ORDER

ZONE_DMA = 0
ZONE_DMA32 = 1
ZONE_NORMAL = 2
ZONE_HIGHMEM = 3
ZONE_MOVABLE = 4
ZONE_DEVICE = 5
ZONE_NAMES = ("DMA", "DMA32", "Normal", "HighMem", "Movable", "Device")
"""By index.  One numbering for every architecture: x86-64 has no HighMem, i386 no DMA32."""
ZONE_INDEX = {name: index for index, name in enumerate(ZONE_NAMES)}

"""A start state from a page map: every free block where it was (fact sheet 12.5).

Known exactly: which pages are free, and so the blocks (``page_map.runs_to_blocks``), which pages
are on an LRU, where there is no memory.  By rule, since no file of the kernel tells:

- The order of a free list: ascending by pfn.
- The types of pageblocks, of which /proc/pagetypeinfo gives only the number.  Free blocks of a
  pageblock or more take the types that file counts for their order, lowest pfn first.  Of the
  other pageblocks those with most slab pages and page tables and least LRU pages are the
  unmovable and reclaimable ones, among them those with most slab the reclaimable ones; highatomic
  ones are the emptiest of what is left, CMA ones the last in the zone; the rest is movable.
- Pages on per-cpu lists, which look like any page in use, count as in use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.migratetype import (
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
)
from buddysim.mm.spec import MachineSpec, ZoneSpec
from buddysim.mm.state import HOLE, ZoneState
from buddysim.source.page_map import PageKind, PageMap

__all__ = ["disagreement", "spec_with_page_map"]

_TOLERANCE_PAGES = 1024
_TOLERANCE_SHARE = 0.2
_NOT_MOVABLE = (MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA)
Blocks = list[tuple[int, int]]
"""(pfn, order), ascending."""


def disagreement(spec: MachineSpec, pages: PageMap) -> str:
    """Why the map is of no use for this machine; empty when it fits.

    It takes a moment to be read, in which the machine goes on: a zone may differ from its printed
    count by 20 % or 1,024 pages.  Old kernels flag only the first page of a free block, and then
    it differs by more.
    """
    for zone in spec.zones:
        found = pages.count(PageKind.FREE, zone.start_pfn, zone.start_pfn + zone.spanned)
        told = sum(count << order for (order, _), count in (zone.free_counts or {}).items())
        if abs(found - told) > max(_TOLERANCE_PAGES, told * _TOLERANCE_SHARE):
            return f"kpageflags has {found:,} free pages in {zone.name} where {told:,} are counted"
    return ""


def spec_with_page_map(spec: MachineSpec, pages: PageMap) -> MachineSpec:
    """``spec`` with the free blocks where the map has them.

    ``spec`` is of the same moment, from /proc text, with whole spans (holes included).
    """
    nr_blocks = 0
    zones = []
    for zone in spec.zones:
        blocks = list(pages.free_blocks(zone.start_pfn, zone.start_pfn + zone.spanned))
        nr_blocks += len(blocks)
        state = _state(zone, blocks, pages, spec.pageblock_order)
        zones.append(replace(zone, state=state, free_counts=None, pageblock_counts=None))
    return replace(
        spec,
        zones=tuple(zones),
        origin=f"kpageflags of the recording: {nr_blocks:,} free blocks exactly where they were "
        "(types of pageblocks and order of lists by rule)",
    )


def _state(zone: ZoneSpec, blocks: Blocks, pages: PageMap, pageblock_order: int) -> ZoneState:
    types = _PageblockTypes(zone, blocks, pages, pageblock_order).assigned()
    first_block = zone.start_pfn >> pageblock_order
    lists: dict[tuple[int, int], list[int]] = {}
    free: Counter[int] = Counter()
    for pfn, order in blocks:
        migratetype = types[(pfn >> pageblock_order) - first_block]
        lists.setdefault((order, migratetype), []).append(pfn)
        free[migratetype] += 1 << order
    assert zone.marks is not None, "zoneinfo always has them"
    mark_min, mark_low, mark_high = zone.marks
    end = zone.start_pfn + zone.spanned
    return ZoneState(
        node=zone.node,
        name=zone.name,
        zone_index=zone.zone_index,
        start_pfn=zone.start_pfn,
        spanned=zone.spanned,
        present=zone.present,
        managed=zone.managed,
        free=free.total(),
        mark_min=mark_min,
        mark_low=mark_low,
        mark_high=mark_high,
        mark_promo=2 * mark_high - mark_low,
        boost=zone.boost,
        nr_reserved_highatomic=zone.nr_reserved_highatomic,
        free_highatomic=free[MIGRATE_HIGHATOMIC],
        free_cma=free[MIGRATE_CMA],
        lowmem_reserve=zone.lowmem_reserve or (0, 0, 0, 0, 0),
        cma_pages=zone.cma_pages,
        free_lists=tuple((order, mt, tuple(pfns)) for (order, mt), pfns in sorted(lists.items())),
        pageblocks=tuple(types),
        pcp=(),
        movable=tuple(
            (first, last - first) for first, last in pages.runs(PageKind.LRU, zone.start_pfn, end)
        ),
    )


class _PageblockTypes:
    """Gives the pageblocks of one zone their types, by the module's rule."""

    def __init__(
        self, zone: ZoneSpec, blocks: Blocks, pages: PageMap, pageblock_order: int
    ) -> None:
        self._blocks = blocks
        self._order = pageblock_order
        self._first = zone.start_pfn >> pageblock_order
        end = zone.start_pfn + zone.spanned
        self._spans = _spans(zone.start_pfn, end, 1 << pageblock_order)
        self._zone = zone
        self._left = Counter(zone.pageblock_counts or {})
        self._pages = pages
        self._types = [MIGRATE_MOVABLE] * len(self._spans)
        self._open = set(range(len(self._spans)))
        """Pageblocks, counted from the zone's first, that may still get another type."""

    def assigned(self) -> list[int]:
        """A type, or HOLE, for each pageblock."""
        nowhere = self._counts(PageKind.HOLE)
        for block, (start, end) in enumerate(self._spans):
            if nowhere[block] == end - start:
                self._types[block] = HOLE
                self._open.discard(block)
        self._whole_blocks()
        self._kernels_own()
        free = self._counts(PageKind.FREE)
        self._give(sorted(self._open, key=lambda block: (-free[block], block)), MIGRATE_HIGHATOMIC)
        self._give(sorted(self._open, reverse=True), MIGRATE_CMA)
        return self._types

    def _counts(self, kind: PageKind) -> list[int]:
        """Pages with any bit of ``kind``, by pageblock."""
        start = self._spans[0][0]
        mask = self._pages.mask(kind, start, self._spans[-1][1])
        return [mask.count(1, first - start, end - start) for first, end in self._spans]

    def _whole_blocks(self) -> None:
        """Free blocks of a pageblock or more: the types that are counted for their order."""
        counts = self._zone.free_counts or {}
        for order in range(MAX_PAGE_ORDER, self._order - 1, -1):
            starts = [pfn for pfn, held in self._blocks if held == order]
            numbers = [(pfn >> self._order) - self._first for pfn in starts]
            for migratetype in _NOT_MOVABLE:
                nr_taken = counts.get((order, migratetype), 0)
                for block in numbers[:nr_taken]:
                    self._give(range(block, block + (1 << order - self._order)), migratetype)
                numbers = numbers[nr_taken:]
            for block in numbers:
                self._open.difference_update(range(block, block + (1 << order - self._order)))

    def _kernels_own(self) -> None:
        slab = self._counts(PageKind.SLAB)
        tables = self._counts(PageKind.PAGE_TABLE)
        lru = self._counts(PageKind.LRU)
        wanted = self._left[MIGRATE_UNMOVABLE] + self._left[MIGRATE_RECLAIMABLE]
        ranked = sorted(
            self._open, key=lambda block: (lru[block] - slab[block] - tables[block], block)
        )[:wanted]
        by_slab = sorted(ranked, key=lambda block: (-slab[block], block))
        self._give(by_slab, MIGRATE_RECLAIMABLE)
        self._give([block for block in ranked if block in self._open], MIGRATE_UNMOVABLE)

    def _give(self, blocks: Iterable[int], migratetype: int) -> None:
        """Type the first of ``blocks``, as many as the zone has of that type."""
        for block in list(blocks)[: self._left[migratetype]]:
            self._types[block] = migratetype
            self._left[migratetype] -= 1
            self._open.discard(block)


def _spans(start: int, end: int, block_pages: int) -> list[tuple[int, int]]:
    """(first pfn, end pfn) of each pageblock, cut to the zone."""
    first = start // block_pages * block_pages
    return [(max(at, start), min(at + block_pages, end)) for at in range(first, end, block_pages)]

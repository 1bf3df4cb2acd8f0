"""Where free blocks lie when only their numbers are known (buddyinfo, pagetypeinfo).

The rule, so that a rebuilt machine is the same everywhere: pageblocks get their types in runs
from the zone's start (unmovable, movable, reclaimable, highatomic, CMA).  Blocks are placed
largest order first, each in the smallest aligned stretch that can hold it.  A stretch that had to
be split for a block keeps a page in use in the block's buddy: so no two free buddies face each
other, and every page not placed is in use.  Within a type, the lowest fitting stretch is used.
"""

from __future__ import annotations

from buddysim.mm.zone import Zone

__all__ = ["free_all", "lay_out", "tag_pageblocks"]

_TYPES = 6
_MAX_ORDER = 10


def free_all(zone: Zone, nr_pages: int) -> None:
    """Put the last ``nr_pages`` pages of a zone on its free lists as the largest aligned blocks.

    What precedes them stays in use, as boot memory does.  Blocks go to the tail in pfn order.
    """
    zone.add_free_range(zone.end - nr_pages, zone.end)


def tag_pageblocks(zone: Zone, counts: dict[int, int]) -> None:
    """Give pageblocks their types in runs from the zone's start; the rest stays movable."""
    block = zone.start >> zone.pageblock_order
    last = (zone.end - 1) >> zone.pageblock_order
    for migratetype in range(_TYPES):
        for _ in range(counts.get(migratetype, 0)):
            if block <= last:
                zone.pageblock[block] = migratetype
                block += 1


class _Regions:
    """Aligned stretches still to be handed out, by order, lowest first.

    A *whole* stretch may become one free block: its buddy holds a page in use or lies outside the
    zone.  Any other may only be split.
    """

    def __init__(self) -> None:
        # Most machines start empty, or their recording tells where blocks lie.
        from sortedcontainers import SortedList

        self._whole: list[SortedList] = [SortedList() for _ in range(_MAX_ORDER + 1)]
        self._split: list[SortedList] = [SortedList() for _ in range(_MAX_ORDER + 1)]

    def add(self, index: int, order: int, *, whole: bool) -> None:
        (self._whole if whole else self._split)[order].add(index)

    def take(self, order: int) -> int:
        """Index of a place for a block of ``order``, or -1."""
        if self._whole[order]:
            return int(self._whole[order].pop(0))
        for larger in range(order + 1, _MAX_ORDER + 1):
            for stretches in (self._split[larger], self._whole[larger]):
                if stretches:
                    index = int(stretches.pop(0))
                    self._keep_rest(index, larger, order)
                    return index
        return -1

    def _keep_rest(self, index: int, larger: int, order: int) -> None:
        while larger > order:
            larger -= 1
            self.add(index + (1 << larger), larger, whole=larger > order)


def lay_out(zone: Zone, counts: dict[tuple[int, int], int]) -> int:
    """Place (order, migratetype) -> blocks by the module's rule; pages that found no place."""
    own: list[_Regions] = [_Regions() for _ in range(_TYPES)]
    for index, order in _aligned_regions(zone):
        own[zone.pageblock[index >> zone.pageblock_order]].add(index, order, whole=True)
    unplaced = 0
    for order, migratetype in sorted(counts, key=lambda key: (-key[0], key[1])):
        for _ in range(counts[order, migratetype]):
            index = _find_region(own, order, migratetype)
            if index < 0:
                unplaced += 1 << order
                continue
            zone.add_free_block(index, order, migratetype)
            if order >= zone.pageblock_order:
                zone.change_pageblock_range(index, order, migratetype)
    return unplaced


def _find_region(own: list[_Regions], order: int, migratetype: int) -> int:
    """A region of the block's own type, else of any other (a foreign block, as steals leave)."""
    for candidate in (migratetype, *(other for other in range(_TYPES) if other != migratetype)):
        index = own[candidate].take(order)
        if index >= 0:
            return index
    return -1


def _aligned_regions(zone: Zone) -> list[tuple[int, int]]:
    """The zone as maximal aligned stretches of at most the largest order within one type run."""
    regions = []
    index = zone.start
    while index < zone.end:
        order = min(_MAX_ORDER, (index & -index).bit_length() - 1 if index else _MAX_ORDER)
        while index + (1 << order) > zone.end:
            order -= 1
        regions.append((index, order))
        index += 1 << order
    return regions

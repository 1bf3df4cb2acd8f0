"""Moves between pcp and buddy lists that a recording tells of, instead of the zone's own rules.

A zone with ``pcp_told`` set refills and releases only what it is told: how many blocks, of which
list and when are known, which blocks is still its own choice.  Compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from buddysim.mm.fallback import ALLOC_CMA, ALLOC_KSWAPD
from buddysim.mm.free_area import PCP_HEAD, PCP_LISTS
from buddysim.mm.pcp import PcpArea

__all__ = ["ToldArea"]

_PCP_HEAD = PCP_HEAD
_NR_PCP_LISTS = PCP_LISTS
_THP_LIST = 12
_THP_ORDER = 9
_MOVABLE = 1
_PCPTYPES = 3
_FLUSH_FLAGS = ALLOC_KSWAPD | ALLOC_CMA


class ToldArea(PcpArea):
    """Pcp lists that follow a recording."""

    def told_refill(self, cpu: int, order: int, migratetype: int) -> None:
        """A block was moved to a pcp list: done when the next allocation finds its list empty."""
        self.pcp_due[cpu * _NR_PCP_LISTS + self.pindex_of(order, migratetype)] += 1

    def told_drain(self, cpu: int, order: int, migratetype: int) -> bool:
        """Release the oldest block of a list, of a list alike when it is empty; False: none."""
        if migratetype >= _PCPTYPES:
            migratetype = _MOVABLE
        pindex = self.pindex_of(order, migratetype)
        if self.release_oldest(cpu, order, pindex):
            return True
        other = 0
        while other < self.nr_cpus * _NR_PCP_LISTS:
            at = (cpu * _NR_PCP_LISTS + other) % (self.nr_cpus * _NR_PCP_LISTS)
            pindex = at % _NR_PCP_LISTS
            if self.pindex_order(pindex) == order and self.release_oldest(
                at // _NR_PCP_LISTS, order, pindex
            ):
                return True
            other += 1
        return False

    def release_oldest(self, cpu: int, order: int, pindex: int) -> bool:
        """Release the last block of one list; False when it is empty."""
        head = self.pcp_head(cpu, pindex)
        index = self.prev[head]
        if index == head:
            return False
        self.cpu = cpu
        self.release_block(cpu, index, order)
        return True

    def settle_free(self, wanted: int, flush: bool) -> int:
        """Move single blocks until the free count is ``wanted``; pages still missing or too many.

        ``flush``: first carry out the told refills that no allocation asked for.
        """
        if flush:
            self.flush_due()
        ahead = self.free - wanted
        cpu = 0
        while cpu < self.nr_cpus:
            ahead += self.free_diff[cpu]
            cpu += 1
        if ahead > 0:
            return self.park(ahead)
        return -self.unpark(-ahead)

    def flush_due(self) -> None:
        """Refill what is due, list by list; forget what was refilled too early."""
        place = 0
        while place < self.nr_cpus * _NR_PCP_LISTS:
            due = self.pcp_due[place]
            self.pcp_due[place] = 0
            if due > 0:
                self.append_blocks(place // _NR_PCP_LISTS, place % _NR_PCP_LISTS, due)
            place += 1

    def append_blocks(self, cpu: int, pindex: int, blocks: int) -> None:
        """Move blocks from the buddy lists to the tail of a pcp list, with fallback."""
        order = self.pindex_order(pindex)
        migratetype = pindex - _THP_LIST if order == _THP_ORDER else pindex - 3 * order
        self.cpu = cpu
        self.mode = 0
        while blocks > 0:
            index = self.rmqueue(order, migratetype, _FLUSH_FLAGS)
            if index < 0:
                return
            self.list_append(index, self.pcp_head(cpu, pindex), _PCP_HEAD - order)
            self.pcp_count[cpu] += 1 << order
            blocks -= 1

    def park(self, pages: int) -> int:
        """Put single pages from the buddy lists on pcp lists, without fallback; pages not found."""
        step = 0
        while step < _PCPTYPES and pages > 0:
            migratetype = (_MOVABLE + step) % _PCPTYPES
            index = self.rmqueue_smallest(0, migratetype)
            if index < 0:
                step += 1
                continue
            self.list_append(index, self.pcp_head(self.cpu, migratetype), _PCP_HEAD)
            self.pcp_count[self.cpu] += 1
            pages -= 1
        return pages

    def unpark(self, pages: int) -> int:
        """Put pages from the pcp lists on the buddy lists, small blocks first; pages not found."""
        place = 0
        while place < self.nr_cpus * _NR_PCP_LISTS and pages > 0:
            pindex = place % _NR_PCP_LISTS
            order = self.pindex_order(pindex)
            while pages >= 1 << order and self.release_oldest(
                place // _NR_PCP_LISTS, order, pindex
            ):
                pages -= 1 << order
            place += 1
        return pages

    def told_boost(self, order: int, migratetype: int, found: int, claimed: bool) -> None:
        """A recorded fallback to a block of order ``found``: each attempt to claim a pageblock
        raised the watermarks (fact sheet 3.3, 6.3).

        Orders are tried downwards; which of them had a block is the model's knowledge, except for
        the one that was claimed, or stolen after it could not be.
        """
        lowest = found if claimed else order
        while lowest < self.pageblock_order:
            if self.may_claim(lowest, migratetype) and (
                lowest == found or self.find_fallback(lowest, migratetype) >= 0
            ):
                self.boost_watermark()
            lowest += 1

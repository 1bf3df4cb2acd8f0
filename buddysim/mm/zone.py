"""One zone: watermark checks, taking and freeing blocks, recorded placement.

Fact sheet 3.4 (rules by era), 3.5 (the old per-order loop), 5.1.  Hot and compiled; see the
sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.mm.fallback import (
    ALLOC_BOOST_EXEMPT,
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
)
from buddysim.mm.told import ToldArea

__all__ = ["WATERMARK_RULES", "Zone"]

WATERMARK_RULES = {
    "loop": 0,
    "loop-cma": 1,
    "list": 2,
    "list-oom": 3,
    "min-reserve": 4,
    "free-highatomic": 5,
}
"""Watermark rules in order of age; the code compares the numbers."""

_RULE_LOOP = 0
_RULE_LOOP_CMA = 1
_RULE_LIST = 2
_RULE_LIST_OOM = 3
_RULE_MIN_RESERVE = 4
_RULE_FREE_HIGHATOMIC = 5
_ALLOC_NO_WATERMARKS = ALLOC_NO_WATERMARKS
_ALLOC_OOM = ALLOC_OOM
_ALLOC_NON_BLOCK = ALLOC_NON_BLOCK
_ALLOC_MIN_RESERVE = ALLOC_MIN_RESERVE
_ALLOC_CMA = ALLOC_CMA
_ALLOC_HIGHATOMIC = ALLOC_HIGHATOMIC
_ALLOC_RESERVES = ALLOC_OOM | ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC
_ALLOC_BOOST_EXEMPT = ALLOC_BOOST_EXEMPT
_MERGE_RETAG = 2
_HARDER = ALLOC_NON_BLOCK | ALLOC_OOM
_WMARK_MASK = 3
_WMARK_MIN = 0
_WMARK_LOW = 1
_MAX_ORDER = 10
_MOVABLE = 1
_HIGHATOMIC = 3
_FREE_TYPES = 3
_CMA_TYPE = 4
_PCP_HEAD = -2
_CLASS_MOVABLE = 4
_PCP_DYNAMIC = 2


class Zone(ToldArea):
    """A zone of one node.

    ``class_index`` arguments are zone indexes: 0 DMA, 1 DMA32, 2 Normal, 3 HighMem, 4 Movable.
    """

    def __init__(
        self,
        name: str,
        node: int,
        zone_index: int,
        start_pfn: int,
        nr_pages: int,
        pageblock_order: int,
        nr_cpus: int,
    ) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        self.name = name
        self.node = node
        self.zone_index = zone_index
        self.start_pfn = start_pfn
        self.end_pfn = start_pfn + nr_pages
        self.spanned = nr_pages
        self.present = nr_pages
        self.mark_promo = 0
        self.watermark_rule = _RULE_FREE_HIGHATOMIC
        self.lowmem_reserve = array("q", bytes(8 * 5))
        self.tracks_lru = False
        self.pgalloc = 0

    def wmark(self, which: int) -> int:
        """A watermark with the boost, in pages; 0 min, 1 low, 2 high."""
        if which == _WMARK_MIN:
            return self.mark_min + self.boost
        if which == _WMARK_LOW:
            return self.mark_low + self.boost
        return self.mark_high + self.boost

    @property
    def true_free(self) -> int:
        """Free pages with every cpu's drift folded in."""
        return self.free + self.drift()

    @property
    def free_pcp(self) -> int:
        """Pages on all cpus' pcp lists."""
        return self.pcp_pages()

    def add_free_range(self, index: int, end: int) -> None:
        """Put [index, end) at the tails of free lists as the largest aligned blocks; they count."""
        while index < end:
            order = _MAX_ORDER
            while index & ((1 << order) - 1) or index + (1 << order) > end:
                order -= 1
            self.add_free_block(index, order, self.pageblock[index >> self.pageblock_order])
            index += 1 << order

    def nr_free_type(self, order: int, migratetype: int) -> int:
        """Blocks on one free list; O(length), for reports."""
        head = self.list_head(order, migratetype)
        index = self.next[head]
        blocks = 0
        while index != head:
            blocks += 1
            index = self.next[index]
        return blocks

    def suitable_blocks(self, order: int) -> int:
        """Free blocks of at least ``order`` of the types anybody may use; O(their number)."""
        blocks = 0
        while order <= _MAX_ORDER:
            migratetype = 0
            while self.nr_free[order] and migratetype < _FREE_TYPES:
                blocks += self.nr_free_type(order, migratetype)
                migratetype += 1
            order += 1
        return blocks

    def unusable_free(self, order: int, alloc_flags: int) -> int:
        """Free pages this request may not count (fact sheet 3.4 steps 1..3)."""
        unusable = (1 << order) - 1
        rule = self.watermark_rule
        if rule >= _RULE_MIN_RESERVE:
            if alloc_flags & _ALLOC_RESERVES == 0:
                if rule == _RULE_FREE_HIGHATOMIC:
                    unusable += self.free_highatomic
                else:
                    unusable += self.nr_reserved_highatomic
        elif rule >= _RULE_LIST and alloc_flags & _HARDER == 0:
            unusable += self.nr_reserved_highatomic
        if rule >= _RULE_LOOP_CMA and alloc_flags & _ALLOC_CMA == 0:
            unusable += self.free_cma
        return unusable

    def lowered_min(self, mark: int, alloc_flags: int) -> int:
        """The mark after the reserves this request may dip into (fact sheet 3.4 step 5)."""
        if self.watermark_rule >= _RULE_MIN_RESERVE:
            if alloc_flags & _ALLOC_MIN_RESERVE:
                mark -= mark // 2
                if alloc_flags & _ALLOC_NON_BLOCK:
                    mark -= mark // 4
            if alloc_flags & _ALLOC_OOM:
                mark -= mark // 2
            return mark
        if alloc_flags & _ALLOC_MIN_RESERVE:
            mark -= mark // 2
        if alloc_flags & _ALLOC_OOM and self.watermark_rule == _RULE_LIST_OOM:
            mark -= mark // 2
        elif alloc_flags & _HARDER:
            mark -= mark // 4
        return mark

    def watermark_ok(
        self, order: int, mark: int, class_index: int, alloc_flags: int, free: int
    ) -> bool:
        """zone_watermark_ok of the zone's era, against a given free count (pages)."""
        if self.watermark_rule <= _RULE_LOOP_CMA:
            return self.watermark_ok_loop(order, mark, class_index, alloc_flags, free)
        free -= self.unusable_free(order, alloc_flags)
        if free <= self.lowered_min(mark, alloc_flags) + self.lowmem_reserve[class_index]:
            return False
        return order == 0 or self.has_suitable_block(order, alloc_flags)

    def has_suitable_block(self, order: int, alloc_flags: int) -> bool:
        """Is there a free block of at least this order of a type the check counts (step 8)?"""
        rule = self.watermark_rule
        while order <= _MAX_ORDER:
            if self.nr_free[order]:
                if rule == _RULE_LIST and alloc_flags & _HARDER:
                    return True
                if (
                    self.first(order, 0) >= 0
                    or self.first(order, 1) >= 0
                    or self.first(order, 2) >= 0
                ):
                    return True
                if alloc_flags & _ALLOC_CMA and self.first(order, _CMA_TYPE) >= 0:
                    return True
                if self.sees_highatomic(alloc_flags) and self.first(order, _HIGHATOMIC) >= 0:
                    return True
            order += 1
        return False

    def sees_highatomic(self, alloc_flags: int) -> bool:
        """Does the check count HIGHATOMIC blocks for these flags?"""
        if self.watermark_rule >= _RULE_MIN_RESERVE:
            return alloc_flags & (_ALLOC_HIGHATOMIC | _ALLOC_OOM) != 0
        return alloc_flags & _HARDER != 0

    def watermark_ok_loop(
        self, order: int, mark: int, class_index: int, alloc_flags: int, free: int
    ) -> bool:
        """2.6.25..3.13: smaller blocks excluded order by order, the mark halved (3.5)."""
        mark = self.lowered_min(mark, alloc_flags)
        free -= self.unusable_free(order, alloc_flags)
        if free <= mark + self.lowmem_reserve[class_index]:
            return False
        small = 0
        while small < order:
            free -= self.nr_free[small] << small
            mark >>= 1
            if free <= mark:
                return False
            small += 1
        return True

    def watermark_fast(self, order: int, mark: int, class_index: int, alloc_flags: int) -> bool:
        """The check of the hot path: order-0 shortcut, then the rule, then un-boosted min."""
        free = self.free
        if order == 0 and self.watermark_rule >= _RULE_LIST:
            reserved = self.unusable_free(0, alloc_flags)
            usable = free - min(free, reserved)
            if usable > mark + self.lowmem_reserve[class_index]:
                return True
        if self.watermark_ok(order, mark, class_index, alloc_flags, free):
            return True
        if (
            order == 0
            and self.boost
            and alloc_flags & _WMARK_MASK == _WMARK_MIN
            and alloc_flags & _ALLOC_BOOST_EXEMPT
        ):
            return self.watermark_ok(0, self.mark_min, class_index, alloc_flags, free)
        return False

    def above_high_mark(self) -> bool:
        """Order-0 check of the boosted high mark for the Movable class, no flags (7.4)."""
        return self.watermark_ok(0, self.mark_high + self.boost, _CLASS_MOVABLE, 0, self.free)

    def attempt(
        self, cpu: int, order: int, migratetype: int, class_index: int, alloc_flags: int
    ) -> int:
        """A block if the watermark allows it and there is one; index or -1 (fact sheet 5.1)."""
        if not self.passes(order, class_index, alloc_flags):
            return -1
        index = self.rmqueue_zone(cpu, order, migratetype, alloc_flags)
        if index >= 0:
            self.pgalloc += 1 << order
            if alloc_flags & self.reserve_right(order):
                self.reserve_highatomic(index, order)
            if self.tracks_lru and migratetype == _MOVABLE:
                self.mark_movable(index, order, 1)
        return index

    def passes(self, order: int, class_index: int, alloc_flags: int) -> bool:
        """The watermark test of one zone, with the high-mark hint of 6.7+."""
        if self.pcp_rule == _PCP_DYNAMIC and not self.below_high:
            if self.watermark_fast(order, self.mark_high + self.boost, class_index, alloc_flags):
                return True
            self.below_high = True
        mark = self.wmark(alloc_flags & _WMARK_MASK)
        if self.watermark_fast(order, mark, class_index, alloc_flags):
            return True
        return alloc_flags & _ALLOC_NO_WATERMARKS != 0

    def reserve_right(self, order: int) -> int:
        """The alloc flag whose holder makes its pageblock highatomic on success (6.6)."""
        if self.watermark_rule >= _RULE_MIN_RESERVE:
            return _ALLOC_HIGHATOMIC
        return _ALLOC_NON_BLOCK if order > 0 and self.highatomic_rule == 1 else 0

    def rmqueue_buddy(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """A block straight from the buddy lists, with highatomic rights; index or -1."""
        new_rule = self.watermark_rule >= _RULE_MIN_RESERVE
        if new_rule:
            first_rights = alloc_flags & _ALLOC_HIGHATOMIC
        else:
            first_rights = alloc_flags & _ALLOC_NON_BLOCK if order > 0 else 0
        if first_rights and self.watermark_rule >= _RULE_LIST:
            index = self.rmqueue_smallest(order, _HIGHATOMIC)
            if index >= 0:
                return index
        self.mode = 0
        index = self.rmqueue(order, migratetype, alloc_flags)
        if index < 0 and new_rule and alloc_flags & _HARDER:
            index = self.rmqueue_smallest(order, _HIGHATOMIC)
        return index

    def free_to_buddy(self, index: int, order: int) -> None:
        """Free a block past the pcp lists, one pageblock at a time where the era does."""
        piece = order
        if self.merge_rule == _MERGE_RETAG:
            piece = min(order, self.pageblock_order)
        end = index + (1 << order)
        while index < end:
            migratetype = self.pageblock[index >> self.pageblock_order]
            self.free_one_page(index, piece, migratetype, False)
            index += 1 << piece

    def take_pages(self, index: int, order: int) -> int:
        """Recorded placement: remove exactly this block from wherever its pages are free.

        Returns the pages that really were free; 2^order when the recording and the model agree.
        """
        end = index + (1 << order)
        taken = 0
        while index < end:
            head = self.block_of(index)
            if head < 0:
                index += 1
                continue
            held = self.unhook(head)
            taken += self.return_outside(head, held, index, end)
            index = max(index, head + (1 << held))
        return taken

    def take_whole(self, index: int, order: int) -> bool:
        """:meth:`take_pages` of a block inside one free block, if free pages stay above min.

        Where that is not so nothing changes, and the answer is False.
        """
        head = self.block_of(index)
        if head < 0 or self.free - (1 << order) < self.mark_min:
            return False
        held = self.order_of[head]
        if (held if held >= 0 else _PCP_HEAD - held) < order:
            return False
        held = self.unhook(head)
        if held > order:
            self.return_outside(head, held, index, index + (1 << order))
        return True

    def unhook(self, head: int) -> int:
        """Take a free block off its free list or pcp list; its order."""
        held = self.order_of[head]
        if held < 0:
            held = _PCP_HEAD - held
            self.unhook_pcp(head, held)
        else:
            self.del_from_free_list(head, held)
            self.account_freepages(-(1 << held), self.pageblock[head >> self.pageblock_order])
        return held

    def unhook_pcp(self, head: int, order: int) -> None:
        """Take one block off the pcp list it is on, whichever cpu's that is."""
        link = self.next[head]
        while link < self.size:
            link = self.next[link]
        cpu = (link - self.pcp_head(0, 0)) // 14
        self.list_remove(head)
        self.pcp_count[cpu] -= 1 << order

    def return_outside(self, head: int, order: int, start: int, end: int) -> int:
        """Give back the parts of [head, head + 2^order) outside [start, end); pages kept."""
        block_end = head + (1 << order)
        if start <= head and block_end <= end:
            return 1 << order
        if block_end <= start or end <= head:
            migratetype = self.pageblock[head >> self.pageblock_order]
            self.account_freepages(1 << order, migratetype)
            self.add_to_free_list(head, order, migratetype, False)
            return 0
        half = 1 << (order - 1)
        return self.return_outside(head, order - 1, start, end) + self.return_outside(
            head + half, order - 1, start, end
        )

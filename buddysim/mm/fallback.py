"""Taking pages from another migratetype: claim, steal, boost, highatomic (fact sheet 6).

Four schemes by era, one class: which one runs is ``fallback_scheme``.  Hot and compiled; see the
sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.mm.free_area import FreeArea

__all__ = [
    "ALLOC_BOOST_EXEMPT",
    "ALLOC_CMA",
    "ALLOC_CPUSET",
    "ALLOC_HIGHATOMIC",
    "ALLOC_KSWAPD",
    "ALLOC_MIN_RESERVE",
    "ALLOC_NOFRAGMENT",
    "ALLOC_NON_BLOCK",
    "ALLOC_NO_WATERMARKS",
    "ALLOC_OOM",
    "SCHEMES",
    "FallbackArea",
]

ALLOC_NO_WATERMARKS = 0x04
ALLOC_OOM = 0x08
ALLOC_NON_BLOCK = 0x10
"""HARDER in eras before 6.3: the same bit, the same place in the rules."""
ALLOC_MIN_RESERVE = 0x20
"""HIGH in eras before 6.3."""
ALLOC_CPUSET = 0x40
ALLOC_CMA = 0x80
ALLOC_NOFRAGMENT = 0x100
ALLOC_HIGHATOMIC = 0x200
ALLOC_KSWAPD = 0x800

ALLOC_BOOST_EXEMPT = 0x1000
"""Ours: at the min mark an order-0 request ignores the boost (fact sheet 3.4 step 7)."""

SCHEMES = {"2.6.25": 0, "2.6.32": 1, "3.13": 2, "4.4": 3, "classic": 4, "claim": 5}
"""Fallback schemes in order of age; the code compares the numbers."""

_UNMOVABLE = 0
_MOVABLE = 1
_RECLAIMABLE = 2
_HIGHATOMIC = 3
_CMA_TYPE = 4
_MAX_ORDER = 10
_ALLOC_CMA = ALLOC_CMA
_ALLOC_NOFRAGMENT = ALLOC_NOFRAGMENT
_ALLOC_KSWAPD = ALLOC_KSWAPD
_SCHEME_2_6_25 = 0
_SCHEME_2_6_32 = 1
_SCHEME_3_13 = 2
_SCHEME_4_4 = 3
_SCHEME_CLASSIC = 4
_SCHEME_CLAIM = 5

_MODE_NORMAL = 0
_MODE_CLAIM = 2
_MODE_STEAL = 3
_MODE_CMA = 1


class FallbackArea(FreeArea):
    """Free lists whose requests may fall back to other types' blocks."""

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        self.fallback_scheme = _SCHEME_CLAIM
        self.fallbacks = array("b", [2, 1, 2, 0, 0, 1])
        self.grouping_disabled = False
        self.managed = nr_pages
        self.mark_min = 0
        self.mark_low = 0
        self.mark_high = 0
        self.boost = 0
        self.boost_factor = 0
        self.boosted_flag = False
        self.nr_reserved_highatomic = 0
        self.highatomic_rule = 2
        self.mode = _MODE_NORMAL
        self.extfrag_count = 0
        self.extfrag_logging = False
        self.extfrag_log: list[tuple[int, int, int, int, int, int]] = []
        self.free_in_block = 0
        self.movable_in_block = 0

    def rmqueue(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """One block of the wanted type, with fallback; index or -1.

        ``mode`` carries the stage that worked from one call of a bulk refill to the next; callers
        reset it to 0 before a new request.
        """
        if alloc_flags & _ALLOC_CMA and self.free_cma > 0 and self.free_cma > self.free // 2:
            index = self.rmqueue_smallest(order, _CMA_TYPE)
            if index >= 0:
                return index
        if self.fallback_scheme == _SCHEME_CLAIM:
            return self.rmqueue_staged(order, migratetype, alloc_flags)
        return self.rmqueue_classic(order, migratetype, alloc_flags)

    def rmqueue_staged(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """Current scheme: NORMAL, CMA, CLAIM, STEAL, remembering the stage (fact sheet 6.3)."""
        if self.mode == _MODE_NORMAL:
            index = self.rmqueue_smallest(order, migratetype)
            if index >= 0:
                return index
        if self.mode <= _MODE_CMA and alloc_flags & _ALLOC_CMA:
            index = self.rmqueue_smallest(order, _CMA_TYPE)
            if index >= 0:
                self.mode = _MODE_CMA
                return index
        if self.mode <= _MODE_CLAIM:
            index = self.rmqueue_claim(order, migratetype, alloc_flags)
            if index >= 0:
                self.mode = _MODE_NORMAL
                return index
        if not alloc_flags & _ALLOC_NOFRAGMENT:
            index = self.rmqueue_steal(order, migratetype)
            if index >= 0:
                self.mode = _MODE_STEAL
                return index
        return -1

    def find_fallback(self, order: int, migratetype: int) -> int:
        """First fallback type with a block of exactly this order, or -1."""
        if self.nr_free[order] == 0:
            return -1
        other = self.fallbacks[2 * migratetype]
        if self.first(order, other) >= 0:
            return other
        other = self.fallbacks[2 * migratetype + 1]
        if self.first(order, other) >= 0:
            return other
        return -1

    def may_claim(self, order: int, migratetype: int) -> bool:
        """May a whole pageblock be claimed through a block of this order (fact sheet 6.3)?"""
        if order >= self.pageblock_order or self.grouping_disabled:
            return True
        if order >= self.pageblock_order // 2 or migratetype == _RECLAIMABLE:
            return True
        return migratetype == _UNMOVABLE and self.fallback_scheme >= _SCHEME_4_4

    def rmqueue_claim(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """Claim a pageblock through the largest block of another type; index or -1."""
        min_order = order
        if alloc_flags & _ALLOC_NOFRAGMENT and order < self.pageblock_order:
            min_order = self.pageblock_order
        current = _MAX_ORDER
        while current >= min_order:
            if not self.may_claim(current, migratetype):
                break
            other = self.find_fallback(current, migratetype)
            if other >= 0:
                block = self.first(current, other)
                index = self.try_to_claim_block(block, current, order, migratetype, alloc_flags)
                if index >= 0:
                    self.count_extfrag(index, order, current, migratetype, other)
                    return index
            current -= 1
        return -1

    def try_to_claim_block(
        self, block: int, current: int, order: int, migratetype: int, alloc_flags: int
    ) -> int:
        """Claim the pageblock around a free block if it is mostly free or alike; index or -1."""
        block_type = self.pageblock[block >> self.pageblock_order]
        if block_type == _HIGHATOMIC:
            return -1
        if current >= self.pageblock_order:
            self.del_from_free_list(block, current)
            self.account_freepages(-(1 << current), block_type)
            self.change_pageblock_range(block, current, migratetype)
            self.expand(block, order, current, migratetype)
            self.account_freepages((1 << current) - (1 << order), migratetype)
            return block
        if self.boost_watermark() and alloc_flags & _ALLOC_KSWAPD:
            self.boosted_flag = True
        if not self.scan_pageblock(block):
            return -1
        if (
            self.free_in_block + self.alike_pages(migratetype, block_type)
            >= (1 << (self.pageblock_order - 1))
            or self.grouping_disabled
        ):
            self.move_freepages_block(block, block_type, migratetype)
            self.set_pageblock(block >> self.pageblock_order, migratetype)
            return self.rmqueue_smallest(order, migratetype)
        return -1

    def alike_pages(self, migratetype: int, block_type: int) -> int:
        """Pages of the scanned block that suit the wanted type, by the kernel's estimate."""
        if migratetype == _MOVABLE:
            return self.movable_in_block
        if block_type == _MOVABLE:
            return (1 << self.pageblock_order) - self.free_in_block - self.movable_in_block
        return 0

    def scan_pageblock(self, index: int) -> bool:
        """Count free and movable-looking pages of a pageblock; False if the zone cuts it."""
        start = index & ~((1 << self.pageblock_order) - 1)
        end = start + (1 << self.pageblock_order)
        if start < self.start or end > self.end:
            return False
        free = 0
        movable = 0
        while start < end:
            order = self.order_of[start]
            if order >= 0:
                free += 1 << order
                start += 1 << order
            else:
                movable += self.movable[start]
                start += 1
        self.free_in_block = free
        self.movable_in_block = movable
        return True

    def move_freepages_block(self, index: int, old_type: int, new_type: int) -> int:
        """Move every free block of a pageblock to another type's lists, ascending; pages moved."""
        start = index & ~((1 << self.pageblock_order) - 1)
        end = start + (1 << self.pageblock_order)
        moved = 0
        while start < end:
            order = self.order_of[start]
            if order >= 0:
                self.move_to_free_list(start, order, old_type, new_type)
                start += 1 << order
                moved += 1 << order
            else:
                start += 1
        return moved

    def move_to_free_list(self, index: int, order: int, old_type: int, new_type: int) -> None:
        """Relink one free block under another type: tail today, head in 2.6.x (fact sheet 1.7)."""
        self.list_remove(index)
        head = self.list_head(order, new_type)
        if self.fallback_scheme <= _SCHEME_2_6_32:
            self.list_push(index, head, order)
        else:
            self.list_append(index, head, order)
        if self.fallback_scheme == _SCHEME_CLAIM:
            self.account_freepages(-(1 << order), old_type)
            self.account_freepages(1 << order, new_type)

    def rmqueue_steal(self, order: int, migratetype: int) -> int:
        """Take the smallest suitable block of another type, leaving its pageblock; index or -1."""
        current = order
        while current <= _MAX_ORDER:
            other = self.find_fallback(current, migratetype)
            if other >= 0:
                index = self.first(current, other)
                self.take_block(index, order, current, other)
                self.count_extfrag(index, order, current, migratetype, other)
                return index
            current += 1
        return -1

    def rmqueue_classic(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """Schemes before 6.15: own type, CMA, one fallback, own type again; index or -1."""
        index = self.rmqueue_smallest(order, migratetype)
        if index >= 0:
            return index
        if alloc_flags & _ALLOC_CMA:
            index = self.rmqueue_smallest(order, _CMA_TYPE)
            if index >= 0:
                return index
        if self.fallback_scheme == _SCHEME_CLASSIC:
            if self.fallback_whole(order, migratetype, alloc_flags):
                return self.rmqueue_smallest(order, migratetype)
            return -1
        return self.fallback_old(order, migratetype)

    def fallback_whole(self, order: int, migratetype: int, alloc_flags: int) -> bool:
        """4.19..6.14: move one foreign block (or its whole pageblock) to the wanted lists."""
        min_order = order
        if alloc_flags & _ALLOC_NOFRAGMENT and order < self.pageblock_order:
            min_order = self.pageblock_order
        current = _MAX_ORDER
        while current >= min_order:
            other = self.find_fallback(current, migratetype)
            if other >= 0:
                whole = self.may_claim(current, migratetype)
                if not whole and migratetype == _MOVABLE and current > order:
                    current = order
                    other = self.find_fallback(current, migratetype)
                    while other < 0:
                        current += 1
                        other = self.find_fallback(current, migratetype)
                    whole = self.may_claim(current, migratetype)
                block = self.first(current, other)
                self.steal_suitable_fallback(block, current, migratetype, whole, alloc_flags)
                self.count_extfrag(block, order, current, migratetype, other)
                return True
            current -= 1
        return False

    def steal_suitable_fallback(
        self, block: int, current: int, migratetype: int, whole: bool, alloc_flags: int
    ) -> None:
        """Classic scheme: bring a foreign block, and perhaps its pageblock, under our type."""
        block_type = self.pageblock[block >> self.pageblock_order]
        if block_type == _HIGHATOMIC:
            self.move_to_free_list(block, current, block_type, migratetype)
            return
        if current >= self.pageblock_order:
            self.change_pageblock_range(block, current, migratetype)
            self.move_to_free_list(block, current, block_type, migratetype)
            return
        if self.boost_watermark() and alloc_flags & _ALLOC_KSWAPD:
            self.boosted_flag = True
        if not whole or not self.scan_pageblock(block):
            self.move_to_free_list(block, current, block_type, migratetype)
            return
        self.move_freepages_block(block, block_type, migratetype)
        if (
            self.free_in_block + self.alike_pages(migratetype, block_type)
            >= (1 << (self.pageblock_order - 1))
            or self.grouping_disabled
        ):
            self.set_pageblock(block >> self.pageblock_order, migratetype)

    def fallback_old(self, order: int, migratetype: int) -> int:
        """2.6.25..4.4: the largest foreign block, split in place; RESERVE last; index or -1."""
        current = _MAX_ORDER
        while current >= order:
            other = self.find_fallback(current, migratetype)
            if other >= 0:
                index = self.first(current, other)
                rest_type = self.claim_old(index, current, migratetype, other)
                self.take_block(index, order, current, other)
                if rest_type != other:
                    self.retype_split_rest(index, order, current, other, rest_type)
                if self.type_stored:
                    self.set_type(index, rest_type)
                self.count_extfrag(index, order, current, migratetype, other)
                return index
            current -= 1
        if self.fallback_scheme <= _SCHEME_3_13:
            return self.rmqueue_smallest(order, _HIGHATOMIC)
        return -1

    def claim_old(self, index: int, current: int, migratetype: int, other: int) -> int:
        """Move and retag as the era does; returns the type the split remainder goes to."""
        scheme = self.fallback_scheme
        block = index >> self.pageblock_order
        rest_type = other
        retagged = False
        if current >= self.pageblock_order // 2 or (
            migratetype == _RECLAIMABLE
            or (scheme >= _SCHEME_2_6_32 and self.grouping_disabled)
            or (scheme >= _SCHEME_4_4 and migratetype == _UNMOVABLE)
        ):
            if current < self.pageblock_order and self.scan_pageblock(index):
                pages = self.free_in_block
                self.relist_others(index, migratetype)
                if pages >= (1 << (self.pageblock_order - 1)) or (
                    scheme >= _SCHEME_2_6_32 and self.grouping_disabled
                ):
                    self.set_pageblock(block, migratetype)
                    retagged = True
            rest_type = migratetype
        if current >= self.pageblock_order and (
            scheme >= _SCHEME_2_6_32 or current == self.pageblock_order
        ):
            self.change_pageblock_range(index, current, migratetype)
            retagged = True
        if scheme == _SCHEME_3_13:
            return migratetype if retagged else other
        if scheme >= _SCHEME_4_4:
            return migratetype
        return rest_type

    def relist_others(self, index: int, migratetype: int) -> None:
        """Move the free blocks of a pageblock, except the one being taken, to our lists."""
        start = index & ~((1 << self.pageblock_order) - 1)
        end = start + (1 << self.pageblock_order)
        while start < end:
            order = self.order_of[start]
            if order < 0:
                start += 1
                continue
            if start != index:
                self.move_to_free_list(start, order, migratetype, migratetype)
            start += 1 << order

    def retype_split_rest(self, index: int, low: int, high: int, old: int, new: int) -> None:
        """Relink the upper halves a split just left on ``old`` lists to ``new`` lists' heads."""
        while high > low:
            high -= 1
            half = index + (1 << high)
            self.list_remove(half)
            self.list_push(half, self.list_head(high, new), high)

    def boost_watermark(self) -> bool:
        """Raise the boost by one pageblock up to its cap (fact sheet 3.3); False if off."""
        if self.boost_factor == 0 or (4 << self.pageblock_order) > self.managed:
            return False
        high = self.mark_high
        cap = high // 10000 * self.boost_factor + high % 10000 * self.boost_factor // 10000
        if cap == 0:
            return False
        cap = max(cap, 1 << self.pageblock_order)
        self.boost = min(self.boost + (1 << self.pageblock_order), cap)
        return True

    def reserve_highatomic(self, index: int, order: int) -> None:
        """After a high-order atomic success: keep its pageblock for the next (fact sheet 6.6)."""
        block_nr_pages = 1 << self.pageblock_order
        if self.highatomic_rule == 2:
            if self.managed // 100 < block_nr_pages:
                return
            cap = (self.managed // 100 + block_nr_pages - 1) & ~(block_nr_pages - 1)
        elif self.highatomic_rule == 1:
            cap = self.managed // 100 + block_nr_pages
        else:
            return
        if self.nr_reserved_highatomic >= cap:
            return
        block_type = self.pageblock[index >> self.pageblock_order]
        if block_type >= _HIGHATOMIC:
            return
        if order < self.pageblock_order or self.highatomic_rule == 1:
            if not self.scan_pageblock(index) and self.highatomic_rule == 2:
                return
            self.move_freepages_block(index, block_type, _HIGHATOMIC)
            self.set_pageblock(index >> self.pageblock_order, _HIGHATOMIC)
            self.nr_reserved_highatomic += block_nr_pages
        else:
            self.change_pageblock_range(index, order, _HIGHATOMIC)
            self.nr_reserved_highatomic += 1 << order

    def unreserve_highatomic(self, migratetype: int, force: bool) -> bool:
        """Give one highatomic pageblock back to ``migratetype``; True if pages were released."""
        block_nr_pages = 1 << self.pageblock_order
        if not force and self.nr_reserved_highatomic <= block_nr_pages:
            return False
        order = self.highatomic_order()
        if order < 0:
            return False
        index = self.first(order, _HIGHATOMIC)
        size = max(block_nr_pages, 1 << order)
        self.nr_reserved_highatomic -= min(size, self.nr_reserved_highatomic)
        if order < self.pageblock_order:
            self.move_freepages_block(index, _HIGHATOMIC, migratetype)
            self.set_pageblock(index >> self.pageblock_order, migratetype)
        else:
            self.move_to_free_list(index, order, _HIGHATOMIC, migratetype)
            self.change_pageblock_range(index, order, migratetype)
        return True

    def highatomic_order(self) -> int:
        """Order of the smallest free block of highatomic pageblocks, or -1."""
        order = 0
        while order <= _MAX_ORDER:
            if self.first(order, _HIGHATOMIC) >= 0:
                return order
            order += 1
        return -1

    def count_extfrag(
        self, index: int, order: int, fallback_order: int, migratetype: int, fallback: int
    ) -> None:
        """Count (and, when asked to, log) one mm_page_alloc_extfrag event (fact sheet 6.5)."""
        self.extfrag_count += 1
        if self.extfrag_logging:
            owned = self.pageblock[index >> self.pageblock_order] == migratetype
            self.extfrag_log.append(
                (index + self.base, order, fallback_order, migratetype, fallback, int(owned))
            )

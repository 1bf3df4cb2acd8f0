"""The hot core: free lists, split and merge, and the per-cpu lists in front (fact sheet 1, 7).

What nearly every event of a trace runs through is in this one module, so that the compiled build
calls it directly and inlines it.  What is rarer (fallback, sizes and release of per-cpu lists,
watermarks by era) is in the classes built on it.

Hot and compiled: see the sibling ``.pxd``.  Arguments are trusted; check ranges before.
"""

from __future__ import annotations

from array import array

from buddysim.mm.page_arrays import (
    JOURNAL_MOVABLE,
    MAX_ORDER,
    NOT_HEAD,
    NR_LISTS,
    NR_ORDERS,
    NR_TYPES,
    PCP_HEAD,
    PCP_LISTS,
    PageArrays,
)

__all__ = [
    "MERGE_ALIKE",
    "MERGE_ALWAYS",
    "MERGE_RETAG",
    "NOT_HEAD",
    "NR_LISTS",
    "PCP_DYNAMIC",
    "PCP_FIXED",
    "PCP_FREE_HIGH_BATCH",
    "PCP_HEAD",
    "PCP_LISTS",
    "PCP_LOW",
    "PCP_PREV_FREE_HIGH_ORDER",
    "PCP_SINGLE",
    "FreeArea",
]

HIGHATOMIC = 3
CMA = 4
ISOLATE = 5

MERGE_ALWAYS = 0
MERGE_ALIKE = 1
MERGE_RETAG = 2
"""What happens when whole pageblocks of different types meet, by era (1.4)."""

PCP_FIXED = 0
PCP_LOW = 1
PCP_DYNAMIC = 2
PCP_SINGLE = 3
"""2.6.25: one list per cpu, searched for a page of the wanted type."""
PCP_PREV_FREE_HIGH_ORDER = 1
PCP_FREE_HIGH_BATCH = 2
PCP_BATCH_SCALE_MAX = 5

_JOURNAL_MOVABLE = JOURNAL_MOVABLE
_MAX_ORDER = MAX_ORDER
_NR_PCP_LISTS = PCP_LISTS
_PCP_HEAD = PCP_HEAD
_MERGE_ALWAYS = MERGE_ALWAYS
_MERGE_RETAG = MERGE_RETAG
_NR_TYPES = NR_TYPES
_ALLOC_CMA = 0x80
_MOVABLE = 1
_HIGHATOMIC = HIGHATOMIC
_CMA = CMA
_ISOLATE = ISOLATE
_PCPTYPES = 3
_NOT_HEAD = NOT_HEAD
_PCP_DYNAMIC = PCP_DYNAMIC
_PCP_FIXED = PCP_FIXED
_PCP_SINGLE = PCP_SINGLE
_PREV_FREE_HIGH_ORDER = PCP_PREV_FREE_HIGH_ORDER
_SCALE_MAX = PCP_BATCH_SCALE_MAX
_THP_ORDER = 9
_THP_LIST = 12


class FreeArea(PageArrays):
    """The buddy lists of one zone and the per-cpu lists in front of them.

    Every operation is O(MAX_PAGE_ORDER).  What happens when a per-cpu list is empty or full is
    :class:`~buddysim.mm.pcp.PcpArea`'s affair.
    """

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        self.nr_free = array("q", bytes(8 * NR_ORDERS))
        self.free_diff = array("i", bytes(4 * nr_cpus))
        self.cma_diff = array("i", bytes(4 * nr_cpus))
        self.stat_threshold = 0
        self.cpu = 0
        self.free = 0
        self.free_cma = 0
        self.free_highatomic = 0
        self.tail_rule = True
        self.merge_rule = _MERGE_RETAG
        self.pcp_base = self.size + NR_LISTS
        self.has_cma = False
        self.pcp_spares_cma = False
        """4.19..6.11: with CMA, movable requests that may not use it bypass the pcp lists."""
        self.pcp_rule = _PCP_DYNAMIC
        self.pcp_max_order = 3
        self.pcp_thp = True
        self.reclaim_active = False
        self.below_high = False
        self.pgfree = 0
        zeros = bytes(4 * nr_cpus)
        self.pcp_count = array("i", zeros)
        self.pcp_batch = array("i", zeros)
        self.pcp_high = array("i", zeros)
        self.pcp_high_min = array("i", zeros)
        self.pcp_high_max = array("i", zeros)
        self.pcp_alloc_factor = array("i", zeros)
        self.pcp_free_count = array("i", zeros)
        self.pcp_flags = array("i", zeros)

    # Lists.

    def list_head(self, order: int, migratetype: int) -> int:
        """Sentinel of ``free_list[order][migratetype]``."""
        return self.size + order * _NR_TYPES + migratetype

    def list_push(self, index: int, head: int, mark: int) -> None:
        """Insert at the head of a list; ``mark`` is what ``order_of`` says of its blocks."""
        self.insert(index, head, self.next[head], mark)

    def list_append(self, index: int, head: int, mark: int) -> None:
        """Insert at the tail of a list; ``mark`` as for :meth:`list_push`."""
        self.insert(index, self.prev[head], head, mark)

    def insert(self, index: int, before: int, after: int, mark: int) -> None:
        """Link a page between two neighbours and mark it."""
        if self.journaling:
            self.note_insert(index, before, after)
        self.next[index] = after
        self.prev[index] = before
        self.prev[after] = index
        self.next[before] = index
        self.order_of[index] = mark

    def list_pop(self, head: int) -> int:
        """Take the first page off a list; its index, or -1 when the list is empty."""
        index = self.next[head]
        if index == head:
            return -1
        self.list_remove(index)
        return index

    def list_remove(self, index: int) -> None:
        """Take a block off whatever list it is on."""
        before = self.prev[index]
        after = self.next[index]
        if self.journaling:
            self.note_removal(index, before, after)
        self.next[before] = after
        self.prev[after] = before
        self.order_of[index] = _NOT_HEAD

    def first(self, order: int, migratetype: int) -> int:
        """Index of the head block of a free list, or -1 when it is empty."""
        head = self.size + order * _NR_TYPES + migratetype
        index = self.next[head]
        return -1 if index == head else index

    # Blocks.

    def add_to_free_list(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """Put a block on a free list; no accounting of free pages."""
        self.nr_free[order] += 1
        head = self.size + order * _NR_TYPES + migratetype
        if to_tail:
            self.list_append(index, head, order)
        else:
            self.list_push(index, head, order)

    def load_free_block(self, index: int, order: int, migratetype: int) -> None:
        """Put a block of a start state at the tail of its list; the counters come apart."""
        self.add_to_free_list(index, order, migratetype, True)

    def add_free_block(self, index: int, order: int, migratetype: int) -> None:
        """Put a new free block at the tail of its list and count its pages."""
        self.add_to_free_list(index, order, migratetype, True)
        self.account_freepages(1 << order, migratetype)

    def del_from_free_list(self, index: int, order: int) -> None:
        """Take a block off its free list; no accounting of free pages."""
        self.list_remove(index)
        self.nr_free[order] -= 1

    def account_freepages(self, nr_pages: int, migratetype: int) -> None:
        """Change NR_FREE_PAGES, with per-cpu drift (3.6), and its CMA and HIGHATOMIC shares."""
        if migratetype == _ISOLATE:
            return
        cpu = self.cpu
        moved = self.free_diff[cpu] + nr_pages
        if moved > self.stat_threshold or -moved > self.stat_threshold:
            self.free += moved
            moved = 0
        self.free_diff[cpu] = moved
        if migratetype == _CMA:
            moved = self.cma_diff[cpu] + nr_pages
            if moved > self.stat_threshold or -moved > self.stat_threshold:
                self.free_cma += moved
                moved = 0
            self.cma_diff[cpu] = moved
        elif migratetype == _HIGHATOMIC:
            self.free_highatomic += nr_pages

    def expand(self, index: int, low: int, high: int, migratetype: int) -> int:
        """Give the upper halves of an order-``high`` block back until it is order ``low``.

        Returns the pages given back.  Each half goes to the head, so it is the next candidate.
        """
        given = 0
        while high > low:
            high -= 1
            self.add_to_free_list(index + (1 << high), high, migratetype, False)
            given += 1 << high
        return given

    def take_block(self, index: int, low: int, high: int, migratetype: int) -> None:
        """Remove a free block of order ``high``, keep its first 2^low pages, return the rest."""
        self.del_from_free_list(index, high)
        given = self.expand(index, low, high, migratetype)
        self.account_freepages(given - (1 << high), migratetype)

    def rmqueue_smallest(self, order: int, migratetype: int) -> int:
        """Index of a block taken from the smallest non-empty list that fits, or -1."""
        current = order
        while current <= _MAX_ORDER:
            if self.nr_free[current]:
                index = self.first(current, migratetype)
                if index >= 0:
                    self.take_block(index, order, current, migratetype)
                    if self.type_stored:
                        self.set_type(index, migratetype)
                    return index
            current += 1
        return -1

    def free_one_page(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """Return a block, merging with free buddies as far as possible (fact sheet 1.4, 1.5)."""
        self.account_freepages(1 << order, migratetype)
        while order < _MAX_ORDER:
            buddy = index ^ (1 << order)
            if self.order_of[buddy] != order:
                break
            if order >= self.pageblock_order and not self.absorb_type(buddy, order, migratetype):
                break
            self.del_from_free_list(buddy, order)
            index &= buddy
            order += 1
        if self.tail_rule and not to_tail and order < _MAX_ORDER - 1:
            parent_buddy = (index & ~(1 << order)) ^ (2 << order)
            to_tail = self.order_of[parent_buddy] == order + 1
        self.add_to_free_list(index, order, migratetype, to_tail)

    def move_to_buddy_lists(self, index: int, order: int, migratetype: int) -> None:
        """Return a block that is still on a pcp list; :meth:`free_one_page` after unlinking it."""
        self.list_remove(index)
        self.free_one_page(index, order, migratetype, False)

    def absorb_type(self, buddy: int, order: int, migratetype: int) -> bool:
        """May a whole-pageblock buddy merge with a block of ``migratetype`` (1.4 step 2c)?

        Retags the buddy's pageblocks where the era does.
        """
        other = self.pageblock[buddy >> self.pageblock_order]
        if other == migratetype or self.merge_rule == _MERGE_ALWAYS:
            return True
        if other >= _HIGHATOMIC or migratetype >= _HIGHATOMIC:
            return False
        if self.merge_rule == _MERGE_RETAG:
            self.change_pageblock_range(buddy, order, migratetype)
        return True

    # Per-cpu lists.

    def pcp_allowed(self, order: int) -> bool:
        """Is this order cached per cpu?"""
        return order <= self.pcp_max_order or (order == _THP_ORDER and self.pcp_thp)

    def pcp_head(self, cpu: int, pindex: int) -> int:
        """Sentinel of one pcp list of one cpu."""
        return self.pcp_base + cpu * _NR_PCP_LISTS + pindex

    def pcp_list(self, cpu: int, pindex: int) -> int:
        """Sentinel of one pcp list, for whoever looks at or loads the lists."""
        return self.pcp_head(cpu, pindex)

    def pindex_of(self, order: int, migratetype: int) -> int:
        """List number for an order and type: order*3 + type, or one of the two THP lists."""
        if order > 3:
            return _THP_LIST + (1 if migratetype == _MOVABLE else 0)
        return order * 3 + migratetype

    def pindex_order(self, pindex: int) -> int:
        """Order of the blocks on a pcp list."""
        return _THP_ORDER if pindex >= _THP_LIST else pindex // 3

    def clamp_high(self, cpu: int) -> int:
        """Bring a cpu's high into [high_min, high_max] and return it."""
        high = self.pcp_high[cpu]
        high = min(max(high, self.pcp_high_min[cpu]), self.pcp_high_max[cpu])
        self.pcp_high[cpu] = high
        return high

    def rmqueue_zone(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """A block from the pcp lists or the buddy lists; index or -1 (fact sheet 5.1, 6.3)."""
        self.cpu = cpu
        if (
            not self.has_cma
            or not self.pcp_spares_cma
            or migratetype != _MOVABLE
            or alloc_flags & _ALLOC_CMA
        ):
            index = self.rmqueue_pcplist(cpu, order, migratetype, alloc_flags)
            if index >= 0:
                return index
        return self.rmqueue_buddy(order, migratetype, alloc_flags)

    def rmqueue_pcplist(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """An allocation through the pcp lists, if they keep this order; index or -1."""
        if not self.pcp_allowed(order):
            return -1
        if self.pcp_rule == _PCP_SINGLE:
            return self.pcp_search(cpu, migratetype, alloc_flags)
        if self.pcp_rule != _PCP_FIXED:
            self.pcp_free_count[cpu] >>= 1
        return self.pcp_pop(cpu, order, migratetype, alloc_flags)

    def pcp_pop(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """First block of a pcp list, refilled when empty; index or -1."""
        head = self.pcp_head(cpu, self.pindex_of(order, migratetype))
        index = self.list_pop(head)
        if index < 0:
            return self.pop_refilled(cpu, order, migratetype, alloc_flags, head)
        self.pcp_count[cpu] -= 1 << order
        return index

    def free_block(self, cpu: int, index: int, order: int) -> None:
        """Free a block: to the pcp lists when cacheable, else to the buddy lists."""
        self.cpu = cpu
        self.pgfree += 1 << order
        if self.movable[index]:
            self.mark_movable(index, order, 0)
        if self.pcp_allowed(order):
            self.pcp_push(cpu, index, order)
        else:
            self.free_to_buddy(index, order)

    def pcp_push(self, cpu: int, index: int, order: int) -> None:
        """Free one cacheable block to its cpu's lists, releasing a batch when high is reached."""
        block_type = self.pageblock[index >> self.pageblock_order]
        if self.type_stored:
            self.set_type(index, block_type)
        migratetype = block_type
        if migratetype >= _PCPTYPES:
            if migratetype == _ISOLATE:
                self.free_one_page(index, order, migratetype, False)
                return
            migratetype = _MOVABLE
        pindex = 0
        if self.pcp_rule != _PCP_SINGLE:
            pindex = self.pindex_of(order, migratetype)
        self.list_push(index, self.pcp_head(cpu, pindex), _PCP_HEAD - order)
        count = self.pcp_count[cpu] + (1 << order)
        self.pcp_count[cpu] = count
        if self.pcp_rule == _PCP_DYNAMIC:
            self.note_free(cpu, order, pindex, count)
        else:
            self.release_older(cpu, order, pindex)

    def note_free(self, cpu: int, order: int, pindex: int, count: int) -> None:
        """6.7+: heuristics of a free, then release if count reached high (fact sheet 7.4)."""
        self.pcp_alloc_factor[cpu] >>= 1
        batch = self.pcp_batch[cpu]
        flags = self.pcp_flags[cpu]
        free_count = self.pcp_free_count[cpu]
        free_high = False
        if 0 < order <= 3:
            free_high = self.note_high_order(cpu, batch)
        elif flags & _PREV_FREE_HIGH_ORDER:
            self.pcp_flags[cpu] = flags & ~_PREV_FREE_HIGH_ORDER
        if free_count < batch << _SCALE_MAX:
            self.pcp_free_count[cpu] = free_count + (1 << order)
        high = self.pcp_high[cpu]
        if high < self.pcp_high_min[cpu] or high > self.pcp_high_max[cpu]:
            high = self.clamp_high(cpu)
        if count >= high or free_high or self.reclaim_active or self.below_high:
            self.release_dynamic(cpu, pindex, high, free_high)

    def mark_movable(self, index: int, order: int, value: int) -> None:
        """Set or clear "looks movable" (on an LRU) for the pages of a block."""
        if order:
            self.mark_block_movable(index, index + (1 << order), value)
        else:
            self.mark_page(index, value)

    def mark_block_movable(self, index: int, end: int, value: int) -> None:
        """:meth:`mark_movable` of the pages from ``index`` to before ``end``."""
        while index < end:
            self.mark_page(index, value)
            index += 1

    def set_movable(self, index: int, value: int) -> None:
        """:meth:`mark_page`, for policies that move single pages."""
        self.mark_page(index, value)

    def mark_page(self, index: int, value: int) -> None:
        """``movable[index] = value``, journalled."""
        if self.journaling:
            self.note(_JOURNAL_MOVABLE, index, self.movable[index])
        self.movable[index] = value

    # What an era adds: here, lists that nobody refills and nobody releases.

    def pop_refilled(
        self, cpu: int, order: int, migratetype: int, alloc_flags: int, head: int
    ) -> int:
        """First block of a pcp list that was empty and is refilled; index or -1."""
        return -1

    def pcp_search(self, cpu: int, migratetype: int, alloc_flags: int) -> int:
        """2.6.25: a page of the wanted type from the one list of a cpu; index or -1."""
        return -1

    def release_dynamic(self, cpu: int, pindex: int, high: int, free_high: bool) -> None:
        """6.7+: give blocks back to the buddy lists if there are too many."""

    def release_older(self, cpu: int, order: int, pindex: int) -> None:
        """..6.6: give blocks back to the buddy lists where the era does."""

    def note_high_order(self, cpu: int, batch: int) -> bool:
        """6.7+: a block of order 1..3 was freed; is it one of many, so that all shall go?"""
        return False

    def rmqueue_buddy(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """A block straight from the buddy lists; index or -1."""
        return self.rmqueue_smallest(order, migratetype)

    def free_to_buddy(self, index: int, order: int) -> None:
        """Free a block that no pcp list takes."""
        self.free_one_page(index, order, self.pageblock[index >> self.pageblock_order], False)

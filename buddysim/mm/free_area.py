"""The hot core: free lists, split and merge, and the per-cpu lists in front (fact sheet 1, 7).

What nearly every event of a trace runs through is in this one module, so that the compiled build
calls it directly and inlines it.  What is rarer (fallback, sizes and release of per-cpu lists,
watermarks by era) is in the classes built on it.

Hot and compiled: see the sibling ``.pxd``.  Arguments are trusted; check ranges before.
"""

from __future__ import annotations

from array import array

from buddysim.mm import bare
from buddysim.mm.cpu_words import CpuWords
from buddysim.mm.page_arrays import NOT_HEAD, NR_LISTS, NR_ORDERS, PCP_HEAD, PCP_LISTS

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

MERGE_ALWAYS = 0
MERGE_ALIKE = 1
MERGE_RETAG = 2
"""What happens when whole pageblocks of different types meet, by era (1.4)."""

PCP_FIXED = 0
PCP_LOW = 1
PCP_DYNAMIC = bare.PCP_DYNAMIC
PCP_SINGLE = 3
"""2.6.25: one list per cpu, searched for a page of the wanted type."""
PCP_PREV_FREE_HIGH_ORDER = bare.PREV_FREE_HIGH_ORDER
PCP_FREE_HIGH_BATCH = 2
PCP_BATCH_SCALE_MAX = bare.SCALE_MAX

_MERGE_ALWAYS = MERGE_ALWAYS
_MERGE_RETAG = MERGE_RETAG
_ORDINARY_FLAGS = 0x801
"""Alloc flags: the low mark, may wake kswapd."""


class FreeArea(CpuWords):
    """The buddy lists of one zone and the per-cpu lists in front of them.

    Every operation is O(MAX_PAGE_ORDER).  What happens when a per-cpu list is empty or full is
    :class:`~buddysim.mm.pcp.PcpArea`'s affair.
    """

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        self.nr_free = array("q", bytes(8 * NR_ORDERS))
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
        self.pcp_rule = bare.PCP_DYNAMIC
        self.pcp_max_order = 3
        self.pcp_thp = True
        self.reclaim_active = False
        self.below_high = False
        self.pgfree = 0
        self.drain_count = 0
        self.plain_order = self.plain_page = -1

    def settle_rules(self) -> None:
        """Say which orders the short ways of ``rmqueue_zone`` and ``free_block`` serve.

        They know neither CMA nor an undo log nor stored types, and of the rules of pcp lists the
        current one.  Until this is called, and after a change of these until it is called again,
        every request goes the long way.
        """
        plain = self.pcp_rule == bare.PCP_DYNAMIC and not self.has_cma
        plain = plain and not self.type_stored and not self.journaling
        self.plain_order = self.pcp_max_order if plain else -1
        self.plain_page = 0 if plain else -1

    def keep_journal(self, on: bool) -> None:
        """Start or stop noting writes to pages in the undo log."""
        self.journaling = on
        self.settle_rules()

    # Lists.

    def list_head(self, order: int, migratetype: int) -> int:
        """Sentinel of ``free_list[order][migratetype]``."""
        return self.size + order * bare.NR_TYPES + migratetype

    def list_push(self, index: int, head: int, mark: int) -> None:
        """Insert at the head of a list; ``mark`` is what ``order_of`` says of its blocks."""
        self.insert(index, head, self.link[2 * head], mark)

    def list_append(self, index: int, head: int, mark: int) -> None:
        """Insert at the tail of a list; ``mark`` as for :meth:`list_push`."""
        self.insert(index, self.link[2 * head + 1], head, mark)

    def insert(self, index: int, before: int, after: int, mark: int) -> None:
        """Link a page between two neighbours and mark it."""
        if self.journaling:
            self.note_insert(index, before, after)
        link = self.link
        link[2 * index] = after
        link[2 * index + 1] = before
        link[2 * after + 1] = index
        link[2 * before] = index
        self.head_order[index] = mark

    def list_pop(self, head: int) -> int:
        """Take the first page off a list; its index, or -1 when the list is empty."""
        index = self.link[2 * head]
        if index == head:
            return -1
        self.list_remove(index)
        return index

    def list_remove(self, index: int) -> None:
        """Take a block off whatever list it is on."""
        link = self.link
        after = link[2 * index]
        before = link[2 * index + 1]
        if self.journaling:
            self.note_removal(index, before, after)
        link[2 * before] = after
        link[2 * after + 1] = before
        self.head_order[index] = bare.NOT_HEAD

    def first(self, order: int, migratetype: int) -> int:
        """Index of the head block of a free list, or -1 when it is empty."""
        head = self.size + order * bare.NR_TYPES + migratetype
        index = self.link[2 * head]
        return -1 if index == head else index

    # Blocks.

    def add_to_free_list(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """Put a block on a free list; no accounting of free pages."""
        self.nr_free[order] += 1
        head = self.size + order * bare.NR_TYPES + migratetype
        if to_tail:
            self.insert(index, self.link[2 * head + 1], head, order)
        else:
            self.insert(index, head, self.link[2 * head], order)

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
        if migratetype >= bare.PCPTYPES and not self.account_reserve(nr_pages, migratetype):
            return
        words = self.words[self.cpu]
        moved = words[bare.FREE_DIFF] + nr_pages
        if moved > self.stat_threshold or -moved > self.stat_threshold:
            self.free += moved
            moved = 0
        words[bare.FREE_DIFF] = moved

    def account_reserve(self, nr_pages: int, migratetype: int) -> bool:
        """Change what is free of a type that not everybody may use; False if it is not counted."""
        if migratetype == bare.CMA:
            words = self.words[self.cpu]
            moved = words[bare.CMA_DIFF] + nr_pages
            if moved > self.stat_threshold or -moved > self.stat_threshold:
                self.free_cma += moved
                moved = 0
            words[bare.CMA_DIFF] = moved
        elif migratetype == bare.HIGHATOMIC:
            self.free_highatomic += nr_pages
        return migratetype != bare.ISOLATE

    def expand(self, index: int, low: int, high: int, migratetype: int) -> None:
        """Give the upper halves of an order-``high`` block back until it is order ``low``.

        Each half goes to the head, so it is the next candidate; no accounting of free pages.
        """
        while high > low:
            high -= 1
            self.add_to_free_list(index + (1 << high), high, migratetype, False)

    def take_block(self, index: int, low: int, high: int, migratetype: int) -> None:
        """Remove a free block of order ``high``, keep its first 2^low pages, return the rest."""
        self.del_from_free_list(index, high)
        self.expand(index, low, high, migratetype)
        self.account_freepages(-(1 << low), migratetype)

    def rmqueue_smallest(self, order: int, migratetype: int) -> int:
        """Index of a block taken from the smallest non-empty list that fits, or -1."""
        return self.take_smallest(order, migratetype)

    def take_smallest(self, order: int, migratetype: int) -> int:
        """:meth:`rmqueue_smallest`, for loops of this module."""
        current = order
        link = self.link
        head = self.size + order * bare.NR_TYPES + migratetype
        while current <= bare.MAX_ORDER:
            index = link[2 * head]
            if index != head:
                self.take_block(index, order, current, migratetype)
                if self.type_stored:
                    self.set_type(index, migratetype)
                return index
            current += 1
            head += bare.NR_TYPES
        return -1

    def move_smallest(self, order: int, migratetype: int, head: int, want: int) -> int:
        """Move ``want`` blocks of one type to the tail of a pcp list; how many there were."""
        got = 0
        while got < want:
            index = self.take_smallest(order, migratetype)
            if index < 0:
                break
            self.insert(index, self.link[2 * head + 1], head, bare.PCP_HEAD - order)
            got += 1
        return got

    def free_one_page(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """Return a block, merging with free buddies as far as possible (fact sheet 1.4, 1.5)."""
        self.merge_back(index, order, migratetype, to_tail)

    def merge_back(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """:meth:`free_one_page`, for loops of this module."""
        self.account_freepages(1 << order, migratetype)
        heads = self.head_order
        bit = 1 << order
        while order < bare.MAX_ORDER:
            buddy = index ^ bit
            if heads[buddy] != order:
                break
            if order >= self.pageblock_order and not self.absorb_type(buddy, order, migratetype):
                break
            self.del_from_free_list(buddy, order)
            index &= ~bit
            bit += bit
            order += 1
        if self.tail_rule and not to_tail and order < bare.MAX_ORDER - 1:
            parent_buddy = (index & ~bit) ^ (bit + bit)
            to_tail = heads[parent_buddy] == order + 1
        self.add_to_free_list(index, order, migratetype, to_tail)

    def release_block(self, cpu: int, index: int, order: int) -> None:
        """Move one block from a pcp list to the buddy lists."""
        self.words[cpu][bare.COUNT] -= 1 << order
        self.drain_count += 1
        self.list_remove(index)
        self.put_back(index, order)

    def put_back(self, index: int, order: int) -> None:
        """Free a block that is on no list any more, as the type it was filed under."""
        if self.type_stored:
            migratetype = self.type_of[index]
        else:
            migratetype = self.block_type[index >> self.pageblock_order]
        self.merge_back(index, order, migratetype, False)

    def release_tail(self, cpu: int, head: int, order: int, pages: int) -> int:
        """Release the oldest blocks of one pcp list, ``pages`` or more if there are; pages."""
        link = self.link
        blocks = 0
        index = link[2 * head + 1]
        while blocks << order < pages and index != head:
            before = link[2 * index + 1]
            if self.journaling:
                self.list_remove(index)
            self.head_order[index] = bare.NOT_HEAD
            self.put_back(index, order)
            index = before
            blocks += 1
        link[2 * index] = head
        link[2 * head + 1] = index
        self.words[cpu][bare.COUNT] -= blocks << order
        self.drain_count += blocks
        return blocks << order

    def absorb_type(self, buddy: int, order: int, migratetype: int) -> bool:
        """May a whole-pageblock buddy merge with a block of ``migratetype`` (1.4 step 2c)?

        Retags the buddy's pageblocks where the era does.
        """
        other = self.pageblock[buddy >> self.pageblock_order]
        if other == migratetype or self.merge_rule == _MERGE_ALWAYS:
            return True
        if other >= bare.HIGHATOMIC or migratetype >= bare.HIGHATOMIC:
            return False
        if self.merge_rule == _MERGE_RETAG:
            self.change_pageblock_range(buddy, order, migratetype)
        return True

    # Per-cpu lists.

    def rmqueue_zone(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """A block from the pcp lists or the buddy lists; index or -1 (fact sheet 5.1, 6.3)."""
        self.cpu = cpu
        if order <= self.plain_order:
            head = self.pcp_base + cpu * bare.PCP_LISTS + order * 3 + migratetype
            index = self.pop_plain(self.link, self.words[cpu], head, order)
            if index >= 0:
                return index
        return self.rmqueue_general(cpu, order, migratetype, alloc_flags)

    def pop_plain(
        self, link: memoryview[int], words: memoryview[int], head: int, order: int
    ) -> int:
        """Take the first block of a pcp list; index, or -1 when the list is empty."""
        index = link[2 * head]
        if index == head:
            return -1
        after = link[2 * index]
        link[2 * head] = after
        link[2 * after + 1] = head
        self.head_order[index] = bare.NOT_HEAD
        words[bare.FREE_COUNT] >>= 1
        words[bare.COUNT] -= 1 << order
        return index

    def free_block(self, cpu: int, index: int, order: int) -> None:
        """Free a block: to the pcp lists when cacheable, else to the buddy lists."""
        migratetype = self.block_type[index >> self.pageblock_order]
        if order != self.plain_page or migratetype >= bare.PCPTYPES:
            self.free_general(cpu, index, order)
            return
        self.cpu = cpu
        self.pgfree += 1
        head = self.pcp_base + cpu * bare.PCP_LISTS + migratetype
        words = self.words[cpu]
        self.push_plain(self.link, words, head, index)
        if self.note_free(words, 1, False):
            self.release_due(cpu, migratetype, False)

    def push_plain(
        self, link: memoryview[int], words: memoryview[int], head: int, index: int
    ) -> None:
        """Put a freed page on a pcp list."""
        self.is_movable[index] = 0
        after = link[2 * head]
        link[2 * head] = index
        link[2 * index] = after
        link[2 * index + 1] = head
        link[2 * after + 1] = index
        self.head_order[index] = bare.PCP_HEAD
        words[bare.FLAGS] &= ~bare.PREV_FREE_HIGH_ORDER

    def note_free(self, words: memoryview[int], pages: int, free_high: bool) -> bool:
        """6.7+: count a free; shall :meth:`release_due` look at the lists (7.4)?"""
        count = words[bare.COUNT] + pages
        words[bare.COUNT] = count
        words[bare.ALLOC_FACTOR] >>= 1
        free_count = words[bare.FREE_COUNT]
        if free_count < words[bare.BATCH] << bare.SCALE_MAX:
            words[bare.FREE_COUNT] = free_count + pages
        high = words[bare.HIGH]
        return (
            count >= high
            or free_high | self.reclaim_active | self.below_high
            or high < words[bare.HIGH_MIN]
            or high > words[bare.HIGH_MAX]
        )

    def release_due(self, cpu: int, pindex: int, free_high: bool) -> None:
        """6.7+: bring high into its range, then release if count reached it, or other rules say."""
        high = self.clamp_high(cpu)
        count = self.words[cpu][bare.COUNT]
        if count >= high or free_high or self.reclaim_active or self.below_high:
            self.release_dynamic(cpu, pindex, high, free_high)

    def run_rows(
        self,
        orders: array[int],
        slots: array[int],
        types: array[int],
        held: array[int],
        start: int,
        end: int,
    ) -> int:
        """Run rows [start, end) on cpu 0, watermarks unasked; allocations that failed.

        The core and nothing else, so that it can be measured.  Each row allocates 2^order pages of
        a type for its slot or, where the order is negative, frees what the slot holds.  ``held``
        keeps by slot ``index << 4 | order``, negative for nothing.
        """
        link = self.link
        words = self.words[0]
        lists = self.pcp_base
        self.cpu = 0
        failed = freed = 0
        row = start
        while row < end:
            order = orders[row]
            slot = slots[row]
            if order >= 0:
                migratetype = types[row]
                index = -1
                if order <= self.plain_order:
                    index = self.pop_plain(link, words, lists + order * 3 + migratetype, order)
                if index < 0:
                    index = self.rmqueue_general(0, order, migratetype, _ORDINARY_FLAGS)
                held[slot] = index << 4 | order
                if index < 0:
                    failed += 1
            elif held[slot] >= 0:
                index = held[slot] >> 4
                order = held[slot] & 15
                migratetype = self.block_type[index >> self.pageblock_order]
                if order == self.plain_page and migratetype < bare.PCPTYPES:
                    freed += 1
                    self.push_plain(link, words, lists + migratetype, index)
                    if self.note_free(words, 1, False):
                        self.release_due(0, migratetype, False)
                else:
                    self.free_general(0, index, order)
            row += 1
        self.pgfree += freed
        return failed

    # What the classes built on it add: here, lists that nobody refills and nobody releases.

    def rmqueue_general(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """:meth:`rmqueue_zone` in any case, by any era's rules."""
        return self.rmqueue_smallest(order, migratetype)

    def free_general(self, cpu: int, index: int, order: int) -> None:
        """:meth:`free_block` in any case, by any era's rules."""
        self.merge_back(index, order, self.block_type[index >> self.pageblock_order], False)

    def release_dynamic(self, cpu: int, pindex: int, high: int, free_high: bool) -> None:
        """6.7+: give blocks back to the buddy lists if there are too many."""

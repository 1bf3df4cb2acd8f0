"""Free lists by order and migratetype: split, merge, list ends (fact sheet 1).

State is struct-of-arrays over the pages of one zone.  A page is named by its *index*, its pfn
minus ``base``, where ``base`` is the zone's start rounded down to the largest block, so that the
buddy of an index is the index of the buddy.  Lists are circular and intrusive: ``next``/``prev``
hold page indexes, and the list heads are the sentinel indexes behind the last page.

Hot and compiled: see the sibling ``.pxd``.  Arguments are trusted; check ranges before.
"""

from __future__ import annotations

from array import array

__all__ = [
    "JOURNAL_MOVABLE",
    "MERGE_ALIKE",
    "MERGE_ALWAYS",
    "MERGE_RETAG",
    "NOT_HEAD",
    "NR_LISTS",
    "PCP_HEAD",
    "PCP_LISTS",
    "FreeArea",
]

MAX_ORDER = 10
NR_ORDERS = 11
NR_TYPES = 6
NR_LISTS = NR_ORDERS * NR_TYPES
HIGHATOMIC = 3
CMA = 4
ISOLATE = 5

NOT_HEAD = -1
"""``order_of`` of a page that is neither the head of a free block nor on a pcp list."""
PCP_HEAD = -2
"""``order_of`` of the head of an order-o block on a pcp list is ``PCP_HEAD - o``."""
PCP_LISTS = 14
"""Lists per cpu: order * 3 + migratetype for orders 0..3, then two for order 9."""

MERGE_ALWAYS = 0
MERGE_ALIKE = 1
MERGE_RETAG = 2
"""What happens when whole pageblocks of different types meet, by era (1.4)."""

_JOURNAL_NEXT = 0
_JOURNAL_PREV = 1
_JOURNAL_ORDER = 2
_JOURNAL_TYPE = 3
JOURNAL_MOVABLE = 4
_JOURNAL_PAGEBLOCK = 5
_JOURNAL_ENTRY = 3
"""An undo record is three integers: what, index, old value."""

_JOURNAL_MOVABLE = JOURNAL_MOVABLE
_MAX_ORDER = MAX_ORDER
_PCP_HEAD = PCP_HEAD
_MERGE_ALWAYS = MERGE_ALWAYS
_MERGE_RETAG = MERGE_RETAG
_NR_TYPES = NR_TYPES
_HIGHATOMIC = HIGHATOMIC
_CMA = CMA
_ISOLATE = ISOLATE
_NOT_HEAD = NOT_HEAD


class FreeArea:
    """The buddy lists of one zone.  12 bytes a page; every operation is O(MAX_PAGE_ORDER)."""

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        largest = 1 << MAX_ORDER
        self.base = start_pfn & ~(largest - 1)
        self.start = start_pfn - self.base
        self.end = self.start + nr_pages
        self.size = (self.end + largest - 1) & ~(largest - 1)
        self.pageblock_order = pageblock_order
        self.nr_cpus = nr_cpus
        nr_heads = NR_LISTS + nr_cpus * PCP_LISTS
        nr_links = self.size + nr_heads
        self.next = array("i", bytes(4 * nr_links))
        self.prev = array("i", bytes(4 * nr_links))
        self.order_of = array("b", b"\xff" * self.size)
        self.type_of = array("b", bytes(self.size))
        self.movable = array("b", bytes(self.size))
        self.pageblock = array("b", b"\x01" * (self.size >> pageblock_order))
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
        self.type_stored = False
        self.journaling = False
        self.journal = array("i", bytes(0))
        self.journal_used = 0
        for head in range(self.size, nr_links):
            self.next[head] = head
            self.prev[head] = head

    # Writes that an undo log must see.

    def set_order(self, index: int, value: int) -> None:
        """``order_of[index] = value``, journalled."""
        if self.journaling:
            self.note(_JOURNAL_ORDER, index, self.order_of[index])
        self.order_of[index] = value

    def set_type(self, index: int, value: int) -> None:
        """``type_of[index] = value``, journalled."""
        if self.journaling:
            self.note(_JOURNAL_TYPE, index, self.type_of[index])
        self.type_of[index] = value

    def set_pageblock(self, block: int, migratetype: int) -> None:
        """Retag one pageblock, journalled."""
        if self.journaling:
            self.note(_JOURNAL_PAGEBLOCK, block, self.pageblock[block])
        self.pageblock[block] = migratetype

    def note(self, what: int, index: int, old: int) -> None:
        """Append one undo record, doubling the log when it is full."""
        used = self.journal_used
        if used + _JOURNAL_ENTRY > len(self.journal):
            self.grow_journal()
        self.journal[used] = what
        self.journal[used + 1] = index
        self.journal[used + 2] = old
        self.journal_used = used + _JOURNAL_ENTRY

    def grow_journal(self) -> None:
        """Double the undo log."""
        grown = array("i", bytes(self.journal))
        grown.extend(array("i", bytes(4 * max(len(self.journal), 3 << 12))))
        self.journal = grown

    def roll_back(self, mark: int) -> None:
        """Undo every journalled write after position ``mark``, newest first."""
        position = self.journal_used
        while position > mark:
            position -= _JOURNAL_ENTRY
            what = self.journal[position]
            index = self.journal[position + 1]
            old = self.journal[position + 2]
            if what == _JOURNAL_NEXT:
                self.next[index] = old
            elif what == _JOURNAL_PREV:
                self.prev[index] = old
            elif what == _JOURNAL_ORDER:
                self.order_of[index] = old
            elif what == _JOURNAL_TYPE:
                self.type_of[index] = old
            elif what == _JOURNAL_MOVABLE:
                self.movable[index] = old
            else:
                self.pageblock[index] = old
        self.journal_used = mark

    # Lists.

    def list_head(self, order: int, migratetype: int) -> int:
        """Sentinel of ``free_list[order][migratetype]``."""
        return self.size + order * _NR_TYPES + migratetype

    def list_add(self, index: int, head: int) -> None:
        """Insert at the head (right after the sentinel)."""
        self.insert(index, head, self.next[head])

    def list_add_tail(self, index: int, head: int) -> None:
        """Insert at the tail (right before the sentinel)."""
        self.insert(index, self.prev[head], head)

    def insert(self, index: int, before: int, after: int) -> None:
        """Link a page between two neighbours."""
        if self.journaling:
            self.note(_JOURNAL_NEXT, index, self.next[index])
            self.note(_JOURNAL_PREV, index, self.prev[index])
            self.note(_JOURNAL_PREV, after, before)
            self.note(_JOURNAL_NEXT, before, after)
        self.next[index] = after
        self.prev[index] = before
        self.prev[after] = index
        self.next[before] = index

    def list_del(self, index: int) -> None:
        """Unlink a page from whatever list it is on."""
        before = self.prev[index]
        after = self.next[index]
        if self.journaling:
            self.note(_JOURNAL_NEXT, before, index)
            self.note(_JOURNAL_PREV, after, index)
        self.next[before] = after
        self.prev[after] = before

    def list_push(self, index: int, head: int, mark: int) -> None:
        """Insert at the head of a list; ``mark`` is what ``order_of`` says of its blocks."""
        self.list_add(index, head)
        self.set_order(index, mark)

    def list_append(self, index: int, head: int, mark: int) -> None:
        """Insert at the tail of a list; ``mark`` as for :meth:`list_push`."""
        self.list_add_tail(index, head)
        self.set_order(index, mark)

    def list_pop(self, head: int) -> int:
        """Take the first page off a list; its index, or -1 when the list is empty."""
        index = self.next[head]
        if index == head:
            return -1
        self.list_remove(index)
        return index

    def list_remove(self, index: int) -> None:
        """Take a block off whatever list it is on."""
        self.list_del(index)
        self.set_order(index, _NOT_HEAD)

    def first(self, order: int, migratetype: int) -> int:
        """Index of the head block of a free list, or -1 when it is empty."""
        head = self.size + order * _NR_TYPES + migratetype
        index = self.next[head]
        return -1 if index == head else index

    # Blocks.

    def add_to_free_list(self, index: int, order: int, migratetype: int, to_tail: bool) -> None:
        """Put a block on a free list; no accounting of free pages."""
        self.set_order(index, order)
        self.nr_free[order] += 1
        head = self.size + order * _NR_TYPES + migratetype
        if to_tail:
            self.list_add_tail(index, head)
        else:
            self.list_add(index, head)

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

    def change_pageblock_range(self, index: int, order: int, migratetype: int) -> None:
        """Retag every pageblock of a block of at least pageblock_order."""
        block = index >> self.pageblock_order
        last = (index + (1 << order) - 1) >> self.pageblock_order
        while block <= last:
            self.set_pageblock(block, migratetype)
            block += 1

    def block_of(self, index: int) -> int:
        """Head index of the free or pcp block that covers a page, or -1 when it is in use."""
        order = 0
        while order <= _MAX_ORDER:
            head = index & ~((1 << order) - 1)
            held = self.order_of[head]
            if held == order or held == _PCP_HEAD - order:
                return head
            order += 1
        return -1

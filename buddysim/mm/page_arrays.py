"""The pages of one zone as arrays, and the log that undoes writes to them.

State is struct-of-arrays over the pages of one zone.  A page is named by its *index*, its pfn
minus ``base``, where ``base`` is the zone's start rounded down to the largest block, so that the
buddy of an index is the index of the buddy.  Lists are circular and intrusive: ``links`` holds, two
words a page, the indexes of the next and of the previous one, and the list heads are the sentinel
indexes behind the last page.

Compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

import mmap
from array import array
from typing import Literal

from buddysim.mm import bare

__all__ = [
    "NOT_HEAD",
    "NR_LISTS",
    "PCP_HEAD",
    "PCP_LISTS",
    "PageArrays",
    "zeroed",
]

MAX_ORDER = bare.MAX_ORDER
NR_ORDERS = 11
NR_TYPES = bare.NR_TYPES
NR_LISTS = NR_ORDERS * NR_TYPES

NOT_HEAD = bare.NOT_HEAD
PCP_HEAD = bare.PCP_HEAD
PCP_LISTS = bare.PCP_LISTS

_JOURNAL_NEXT = 0
_JOURNAL_PREV = 1
_JOURNAL_ORDER = 2
_JOURNAL_TYPE = 3
_JOURNAL_MOVABLE = 4
_JOURNAL_PAGEBLOCK = 5
_JOURNAL_ENTRY = 3
"""An undo record is three integers: what, index, old value."""

_MAX_ORDER = MAX_ORDER
_PCP_HEAD = PCP_HEAD


def zeroed(typecode: Literal["b", "i"], count: int) -> memoryview[int]:
    """``count`` > 0 zeros.

    They take memory only where they are written, and are a process's own after a fork.
    """
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, array(typecode).itemsize * count, flags=private)
    return memoryview(memory).cast(typecode)


class PageArrays:
    """12 bytes a page.  Writes that an undo log must see go through methods that note them."""

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
        links = zeroed("i", 2 * nr_links)
        self.links = links
        self.next = memoryview(links)[0::2]
        self.prev = memoryview(links)[1::2]
        self.order_of = array("b", [NOT_HEAD]) * self.size
        self.type_of = zeroed("b", self.size)
        self.movable = zeroed("b", self.size)
        self.pageblock = array("b", b"\x01" * (self.size >> pageblock_order))
        self.type_stored = False
        self.journaling = False
        self.journal = array("i", bytes(0))
        self.journal_used = 0
        self.link = bare.ints(self.links)
        self.head_order = bare.chars(self.order_of)
        self.is_movable = bare.chars(self.movable)
        self.block_type = bare.chars(self.pageblock)
        for head in range(self.size, nr_links):
            self.next[head] = head
            self.prev[head] = head

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

    def note(self, what: int, index: int, old: int) -> None:
        """Append one undo record, doubling the log when it is full."""
        used = self.journal_used
        if used + _JOURNAL_ENTRY > len(self.journal):
            self.grow_journal()
        self.journal[used] = what
        self.journal[used + 1] = index
        self.journal[used + 2] = old
        self.journal_used = used + _JOURNAL_ENTRY

    def note_insert(self, index: int, before: int, after: int) -> None:
        """Note what inserting a page between two neighbours overwrites."""
        self.note(_JOURNAL_NEXT, index, self.next[index])
        self.note(_JOURNAL_PREV, index, self.prev[index])
        self.note(_JOURNAL_PREV, after, before)
        self.note(_JOURNAL_NEXT, before, after)
        self.note(_JOURNAL_ORDER, index, self.order_of[index])

    def note_removal(self, index: int, before: int, after: int) -> None:
        """Note what taking a page from between two neighbours overwrites."""
        self.note(_JOURNAL_NEXT, before, index)
        self.note(_JOURNAL_PREV, after, index)
        self.note(_JOURNAL_ORDER, index, self.order_of[index])

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

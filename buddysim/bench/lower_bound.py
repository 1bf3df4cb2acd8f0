"""How fast splitting and merging alone can be: no types, watermarks, pcp lists or counters.

The yardstick of the allocator, written like it (intrusive lists in integer arrays) and compiled
like it.  It is no model of anything; see the sibling ``.pxd`` for the types.
"""

from __future__ import annotations

from array import array

from buddysim.bench.plan import AllocPlan

__all__ = ["SplitMerge", "run_bound"]

MAX_ORDER = 10

_MAX_ORDER = MAX_ORDER
_IN_USE = -1


class SplitMerge:
    """One zone of ``nr_pages`` (a multiple of 1024), all free at first."""

    def __init__(self, nr_pages: int) -> None:
        self.size = nr_pages
        links = array("i", bytes(4 * nr_pages))
        links.extend(range(nr_pages, nr_pages + MAX_ORDER + 1))
        self.next = links
        self.prev = array("i", links)
        self.order_of = array("b", b"\xff") * nr_pages
        for index in range(nr_pages - (1 << MAX_ORDER), -1, -(1 << MAX_ORDER)):
            self.link(index, MAX_ORDER)

    def link(self, index: int, order: int) -> None:
        """Put a block on its free list."""
        head = self.size + order
        first = self.next[head]
        self.next[index] = first
        self.prev[index] = head
        self.prev[first] = index
        self.next[head] = index
        self.order_of[index] = order

    def unlink(self, index: int) -> None:
        """Take a block off its free list."""
        before = self.prev[index]
        after = self.next[index]
        self.next[before] = after
        self.prev[after] = before
        self.order_of[index] = _IN_USE

    def alloc(self, order: int) -> int:
        """Index of a block of 2^order pages, or -1; O(MAX_ORDER)."""
        current = order
        while current <= _MAX_ORDER:
            index = self.next[self.size + current]
            if index < self.size:
                self.unlink(index)
                while current > order:
                    current -= 1
                    self.link(index + (1 << current), current)
                return index
            current += 1
        return -1

    def free(self, index: int, order: int) -> None:
        """Give a block back, merging with free buddies; O(MAX_ORDER)."""
        while order < _MAX_ORDER:
            buddy = index ^ (1 << order)
            if self.order_of[buddy] != order:
                break
            self.unlink(buddy)
            index &= buddy
            order += 1
        self.link(index, order)


def run_bound(area: SplitMerge, plan: AllocPlan, start: int, end: int, held: array[int]) -> int:
    """Run rows ``start``..``end`` of a plan; blocks that could not be had.

    ``held`` keeps each slot's block: ``index << 4 | order``, negative for none.
    """
    orders, slots, taken = plan.order, plan.slot, held
    failed = 0
    row = start
    while row < end:
        order = orders[row]
        slot = slots[row]
        if order >= 0:
            index = area.alloc(order)
            taken[slot] = index << 4 | order
            if index < 0:
                failed += 1
        else:
            block = taken[slot]
            if block >= 0:
                area.free(block >> 4, block & 15)
        row += 1
    return failed

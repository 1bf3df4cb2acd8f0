"""The allocator without the replay around it: a plan against all of it.

Compiled, so that what is measured is the allocator and not the interpreter that calls it.
"""

from __future__ import annotations

from array import array

from buddysim.bench.plan import AllocPlan
from buddysim.mm.page_allocator import PageAllocator

__all__ = ["run_allocator"]


def run_allocator(
    allocator: PageAllocator, plan: AllocPlan, start: int, end: int, held: array[int]
) -> int:
    """Run rows ``start``..``end`` of a plan on cpu 0 of node 0; requests that failed.

    Everything an ordinary request meets: mask, zonelist, watermark, and the core.  ``held`` keeps
    the pfn and the order of each slot's block: ``index << 4 | order``.
    """
    orders, slots, gfps, taken = plan.order, plan.slot, plan.gfp, held
    failed = 0
    row = start
    while row < end:
        order = orders[row]
        slot = slots[row]
        if order >= 0:
            pfn = allocator.alloc_fast(order, gfps[row], 0, 0)
            taken[slot] = pfn << 4 | order
            if pfn < 0:
                failed += 1
        else:
            block = taken[slot]
            if block >= 0:
                allocator.free_pages(block >> 4, block & 15, 0)
        row += 1
    return failed

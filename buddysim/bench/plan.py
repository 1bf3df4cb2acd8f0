"""A made-up stream of allocations and frees, the same on every machine.

The mix is that of the recordings: nine in ten requests are single pages, half of all frees
concern the youngest block, and from the fill on as many blocks are freed as taken.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache

from buddysim.kernel.gfp import Gfp
from buddysim.replay.prng import Stream

__all__ = ["FREE", "AllocPlan", "build_plan"]

FREE = -1
"""``order`` of a row that frees its slot."""
_DRAW_BITS = 12
_ORDER_ODDS = ((3800, 0), (3900, 1), (3980, 2), (4040, 3), (4070, 4), (4084, 5), (4096, 9))
"""Of 4096 draws: an upper bound of the draw, and the order it means."""
_KERNEL = int(Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM | Gfp.IO | Gfp.FS)
_USER = int(Gfp.HIGHMEM | Gfp.MOVABLE | Gfp.HARDWALL) | _KERNEL
_SLAB = int(Gfp.RECLAIMABLE) | _KERNEL
_GFP_ODDS = ((2500, _USER), (3900, _KERNEL), (4096, _SLAB))


@dataclass
class AllocPlan:
    """Columns of equal length: one row is one allocation or one free."""

    order: array[int]
    """Order of an allocation, or ``FREE``."""
    slot: array[int]
    """Where the block is remembered; a slot is reused once its block was freed."""
    gfp: array[int]
    """Canonical mask; of a free, 0."""
    migratetype: array[int]
    """Type of an allocation's pages; of a free, 0."""
    nr_slots: int

    @classmethod
    def empty(cls) -> AllocPlan:
        """No rows yet."""
        return cls(array("b"), array("i"), array("I"), array("b"), 0)

    def add(self, order: int, slot: int, gfp: int) -> None:
        """One row more."""
        self.order.append(order)
        self.slot.append(slot)
        self.gfp.append(gfp)
        self.migratetype.append(gfp >> 3 & 3)

    @property
    def events(self) -> int:
        """Rows."""
        return len(self.order)


@lru_cache(maxsize=4)
def build_plan(events: int, live_pages: int, *, drained: bool = False) -> AllocPlan:
    """A plan of ``events`` rows (>= 1) that holds about ``live_pages`` pages once filled.

    ``drained``: rows that free all that is left follow, so that the plan can be repeated.
    """
    stream = Stream(0, "bench plan")
    plan = AllocPlan.empty()
    spare: list[int] = []
    held: list[tuple[int, int]] = []
    pages = 0
    for _ in range(events):
        draw = stream.next_u64()
        if held and (pages > live_pages or (spare and draw & 1)):
            victim = len(held) - 1 if draw & 2 else (draw >> 32) % len(held)
            held[victim], held[-1] = held[-1], held[victim]
            slot, order = held.pop()
            spare.append(slot)
            pages -= 1 << order
            plan.add(FREE, slot, 0)
            continue
        order = _pick(_ORDER_ODDS, draw >> 8)
        if not spare:
            spare.append(plan.nr_slots)
            plan.nr_slots += 1
        slot = spare.pop()
        held.append((slot, order))
        pages += 1 << order
        plan.add(order, slot, _pick(_GFP_ODDS, draw >> 32))
    for slot, _order in held if drained else ():
        plan.add(FREE, slot, 0)
    return plan


def _pick(odds: tuple[tuple[int, int], ...], draw: int) -> int:
    """The value whose share of the draws holds this one."""
    draw &= (1 << _DRAW_BITS) - 1
    return next(value for bound, value in odds if draw < bound)

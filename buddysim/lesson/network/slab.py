"""Slab caches of one object size over pages from the simulated machine (fact sheet 15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from buddysim.kernel.context import Context
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.slab_order import slab_order
from buddysim.units import PAGE_SIZE

__all__ = ["PageSource", "Slab", "SlabCache", "SlabLayout", "modern_layout", "old_layout"]

_MAX_ORDER_OLD = 1
_MIN_OBJECTS_OLD = 4
_FRACTIONS_OLD = (8, 4, 2)


class PageSource(Protocol):
    """What a cache needs of a machine; ``mm.machine.Machine`` offers it, tests bring a fake."""

    def alloc_pages(self, order: int, gfp: int, *, context: int = 0, caller: int = 0) -> int:
        """First pfn of 2^order pages, or -1: the request failed."""
        ...

    def free_pages(self, pfn: int, order: int) -> object:
        """Give 2^order pages back."""
        ...


@dataclass(frozen=True)
class SlabLayout:
    """How a cache cuts pages: bytes from object to object, wanted order, smallest order allowed."""

    stride: int
    order: int
    min_order: int

    def objects(self, order: int) -> int:
        """Objects in a slab of 2^order pages."""
        return (PAGE_SIZE << order) // self.stride


def modern_layout(stride: int, ncpus: int = 2) -> SlabLayout:
    """SLUB's order today (fact sheet 15.1): many objects a slab, with the smallest as a fallback.

    ``stride`` is the padded object size in bytes.
    """
    orders = slab_order(stride, ncpus)
    return SlabLayout(stride, orders.order, orders.min_order)


def old_layout(stride: int) -> SlabLayout:
    """SLUB's order in 2.6.25: at most 1, at least four objects, and no smaller order to fall to."""
    first = min(_order_of(_MIN_OBJECTS_OLD * stride), _MAX_ORDER_OLD)
    for fraction in _FRACTIONS_OLD:
        for order in range(max(first, _order_of(stride)), _MAX_ORDER_OLD + 1):
            slab_bytes = PAGE_SIZE << order
            if slab_bytes % stride <= slab_bytes // fraction:
                return SlabLayout(stride, order, order)
    return SlabLayout(stride, _order_of(stride), _order_of(stride))


def _order_of(nr_bytes: int) -> int:
    pages = -(-nr_bytes // PAGE_SIZE)
    return max(pages - 1, 0).bit_length()


@dataclass(eq=False)
class Slab:
    """One block of pages and how many of its objects are taken."""

    pfn: int
    order: int
    capacity: int
    in_use: int = 0


@dataclass
class SlabCache:
    """Objects of one size, taken from interrupt context with one GFP mask.

    A slab's page is asked for with the mask of the object request that found no free object: for
    request sockets and their children that is GFP_ATOMIC (fact sheet 14.3).
    """

    name: str
    layout: SlabLayout
    pages: PageSource
    gfp: int
    caller: int = 0
    held_pages: int = 0
    held_pages_peak: int = 0
    order_fallbacks: int = 0
    """Slabs that fell to the smallest order, by design and silently."""
    failures: int = 0
    """Objects refused because no page could be had."""
    _partial: dict[Slab, None] = field(default_factory=dict)

    def alloc(self) -> Slab | None:
        """Take an object; the slab it is in stands for it.  None: no memory.  O(1)."""
        if not self._partial:
            slab = self._grow()
            if slab is None:
                self.failures += 1
                return None
            self._partial[slab] = None
        slab = next(reversed(self._partial))
        slab.in_use += 1
        if slab.in_use == slab.capacity:
            del self._partial[slab]
        return slab

    def free(self, slab: Slab) -> None:
        """Give one object of ``slab`` back, and the slab's pages when it was the last one."""
        if slab.in_use == 0:
            raise ValueError(f"{self.name}: slab at pfn {slab.pfn} has no object in use")
        was_full = slab.in_use == slab.capacity
        slab.in_use -= 1
        if slab.in_use == 0:
            if not was_full:
                del self._partial[slab]
            self.pages.free_pages(slab.pfn, slab.order)
            self.held_pages -= 1 << slab.order
        elif was_full:
            self._partial[slab] = None

    def _grow(self) -> Slab | None:
        layout = self.layout
        if layout.order > layout.min_order:
            quiet = self.gfp | Gfp.COMP | Gfp.NOWARN | Gfp.NORETRY
            slab = self._take(layout.order, quiet & ~int(Gfp.NOFAIL))
            if slab is not None:
                return slab
            self.order_fallbacks += 1
        return self._take(layout.min_order, self.gfp | Gfp.COMP)

    def _take(self, order: int, gfp: int) -> Slab | None:
        pfn = self.pages.alloc_pages(
            order, int(gfp), context=int(Context.SOFTIRQ), caller=self.caller
        )
        if pfn < 0:
            return None
        self.held_pages += 1 << order
        self.held_pages_peak = max(self.held_pages_peak, self.held_pages)
        return Slab(pfn, order, self.layout.objects(order))

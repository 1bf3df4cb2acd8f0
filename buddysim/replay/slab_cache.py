"""Slab caches of Python callers: objects over pages by SLUB's order rule (fact sheet 15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buddysim.errors import ConfigError
from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.slab_order import slab_order
from buddysim.mm.request import Request
from buddysim.replay.run import Site

if TYPE_CHECKING:
    from buddysim.replay.python_stage import PythonStage

__all__ = ["KMALLOC_CACHE_MAX", "SlabPages", "kmalloc_size"]

KMALLOC_CACHE_MAX = 8192
"""Larger kmalloc requests are page allocations."""

_PAGE_SIZE = 4096
_SIZES = (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)
_QUIET = int(Gfp.NOWARN | Gfp.NORETRY)
_LOUD = int(Gfp.NOFAIL)
_RECLAIM = int(Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM)
_COMP = int(Gfp.COMP)


def kmalloc_size(nr_bytes: int) -> int:
    """Object size of the kmalloc cache for a request of 1..8192 bytes."""
    return next(size for size in _SIZES if size >= nr_bytes)


@dataclass(slots=True)
class _Slab:
    pfn: int
    order: int
    free: int
    objects: int


class SlabPages:
    """The slabs of one cache: a partly used slab serves before new pages are asked for."""

    def __init__(self, stage: PythonStage, size: int) -> None:
        try:
            self.orders = slab_order(size, stage.run.machine.spec.ncpus)
        except ValueError as error:
            raise ConfigError(f"kmem_cache: {error}", expected="at most 4 MiB") from None
        self.size = size
        self._stage = stage
        self._partial: list[_Slab] = []

    def take(self, site: Site) -> tuple[list[tuple[int, int]], Callable[[], None]] | None:
        """One object; None when no page is to be had even at the smallest order."""
        if not self._partial:
            slab = self._new_slab(site)
            if slab is None:
                return None
            self._partial.append(slab)
        slab = self._partial[-1]
        slab.free -= 1
        if not slab.free:
            self._partial.pop()
        return [], lambda: self._put(slab)

    def _new_slab(self, site: Site) -> _Slab | None:
        """High order quietly and without reclaim, then the minimum as asked (15.2)."""
        for order in dict.fromkeys((self.orders.order, self.orders.min_order)):
            gfp = site.gfp | _COMP
            if order > self.orders.min_order:
                gfp = (gfp | _QUIET) & ~(_LOUD | _RECLAIM)
            request = Request(order, gfp, 0, 0, site.context, site.caller)
            pfn = self._stage.run.machine.alloc_pages(order, gfp, request=request)
            if pfn >= 0:
                objects = (_PAGE_SIZE << order) // self.size
                return _Slab(pfn, order, objects, objects)
        return None

    def _put(self, slab: _Slab) -> None:
        if not slab.free:
            self._partial.append(slab)
        slab.free += 1
        if slab.free == slab.objects:
            self._partial.remove(slab)
            self._stage.run.machine.free_pages(slab.pfn, slab.order)

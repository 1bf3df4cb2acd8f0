"""The failslab capability: which slab requests are injectable at all (fact sheet 11.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from buddysim.fault.attr import FaultAttr
from buddysim.fault.fail_nth import FailNth
from buddysim.kernel.gfp_table import Gfp

__all__ = ["KMALLOC_MAX_CACHE_SIZE", "FailSlab", "kmalloc_object_size"]

_NOFAIL = int(Gfp.NOFAIL)
_DIRECT_RECLAIM = int(Gfp.DIRECT_RECLAIM)

KMALLOC_MAX_CACHE_SIZE = 8192
"""Bytes; larger kmalloc requests go to the page allocator (fact sheet 15.2)."""
_ODD_CACHES = ((65, 96), (129, 192))
_SMALLEST_CACHE = 8


def kmalloc_object_size(nr_bytes: int) -> int:
    """Object size of the kmalloc cache that serves a request, in bytes; 0 when none does.

    Caches are the powers of two from 8 to 8192, and 96 and 192.
    """
    if nr_bytes > KMALLOC_MAX_CACHE_SIZE:
        return 0
    for smallest, size in _ODD_CACHES:
        if smallest <= nr_bytes <= size:
            return size
    return max(_SMALLEST_CACHE, 1 << max(nr_bytes - 1, 0).bit_length())


@dataclass
class FailSlab:
    """The gate in front of the common check; requests that may sleep are exempt by default.

    With ``cache_filter`` only caches that are marked (``/sys/kernel/slab/CACHE/failslab``) are
    injectable.
    """

    attr: FaultAttr
    ignore_gfp_wait: bool = True
    cache_filter: bool = False

    def eligible(self, gfp: int, *, cache_marked: bool = False) -> bool:
        """Whether a request (canonical mask) reaches the common check."""
        return not (
            gfp & _NOFAIL
            or (self.ignore_gfp_wait and gfp & _DIRECT_RECLAIM)
            or (self.cache_filter and not cache_marked)
        )

    def should_fail(
        self,
        object_size: int,
        gfp: int,
        *,
        cache_marked: bool = False,
        in_task: bool = True,
        marked: bool = True,
        frames: Sequence[str] = (),
        nth: FailNth | None = None,
    ) -> bool:
        """True to return NULL; the call uses ``object_size`` bytes of space."""
        return self.eligible(gfp, cache_marked=cache_marked) and self.attr.should_fail(
            object_size, in_task=in_task, marked=marked, frames=frames, nth=nth
        )

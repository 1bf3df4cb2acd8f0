"""The fail_page_alloc capability: which page requests are injectable at all (fact sheet 11.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from buddysim.fault.attr import FaultAttr
from buddysim.fault.fail_nth import FailNth
from buddysim.kernel.gfp_table import Gfp

__all__ = ["FailPageAlloc"]

_NOFAIL = int(Gfp.NOFAIL)
_HIGHMEM = int(Gfp.HIGHMEM)
_DIRECT_RECLAIM = int(Gfp.DIRECT_RECLAIM)


@dataclass
class FailPageAlloc:
    """The gate in front of the common check, with the kernel's defaults: orders below 1, highmem
    requests and requests that may sleep are exempt."""

    attr: FaultAttr
    min_order: int = 1
    ignore_gfp_highmem: bool = True
    ignore_gfp_wait: bool = True

    def eligible(self, order: int, gfp: int) -> bool:
        """Whether a request (canonical mask) reaches the common check."""
        return not (
            order < self.min_order
            or gfp & _NOFAIL
            or (self.ignore_gfp_highmem and gfp & _HIGHMEM)
            or (self.ignore_gfp_wait and gfp & _DIRECT_RECLAIM)
        )

    def should_fail(
        self,
        order: int,
        gfp: int,
        *,
        in_task: bool = True,
        marked: bool = True,
        frames: Sequence[str] = (),
        nth: FailNth | None = None,
    ) -> bool:
        """True to return NULL before the allocator sees the request; it uses 2^order of space."""
        return self.eligible(order, gfp) and self.attr.should_fail(
            1 << order, in_task=in_task, marked=marked, frames=frames, nth=nth
        )

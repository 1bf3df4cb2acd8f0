"""Which zone a GFP mask reaches at most (fact sheet 2.2)."""

from __future__ import annotations

from buddysim.errors import ConfigError
from buddysim.kernel.constants import (
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_HIGHMEM,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from buddysim.kernel.gfp import Gfp

__all__ = ["highest_zone"]


def highest_zone(gfp: int, *, has_highmem: bool = False) -> int:
    """Index of the highest zone that a canonical mask may use (``ZONE_NAMES``).

    ``has_highmem``: a 32-bit machine with HighMem and without DMA32.  __GFP_MOVABLE reaches zone
    Movable only together with __GFP_HIGHMEM, on every machine.
    Raises ConfigError for two of DMA, DMA32, HIGHMEM, which is a bug in the caller.
    """
    wanted = gfp & (Gfp.DMA | Gfp.DMA32 | Gfp.HIGHMEM)
    if wanted & (wanted - 1):
        raise ConfigError(
            "more than one of __GFP_DMA, __GFP_DMA32, __GFP_HIGHMEM", expected="at most one"
        )
    if wanted == Gfp.DMA:
        return ZONE_DMA
    if wanted == Gfp.DMA32:
        return ZONE_NORMAL if has_highmem else ZONE_DMA32
    if wanted == Gfp.HIGHMEM:
        if gfp & Gfp.MOVABLE:
            return ZONE_MOVABLE
        return ZONE_HIGHMEM if has_highmem else ZONE_NORMAL
    return ZONE_NORMAL

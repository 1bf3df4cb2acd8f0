"""From a GFP mask to the rights of a slow-path attempt, by era (fact sheet 4.6)."""

from __future__ import annotations

from buddysim.kernel.context import ATOMIC_CONTEXTS
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.profile import Profile
from buddysim.mm.fallback import (
    ALLOC_BOOST_EXEMPT,
    ALLOC_CMA,
    ALLOC_CPUSET,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
)

__all__ = ["reserve_flags", "slow_path_flags"]

_ATOMIC_CONTEXTS = int(ATOMIC_CONTEXTS)
_WAIT = int(Gfp.DIRECT_RECLAIM)
_HIGH = int(Gfp.HIGH)
_KSWAPD = int(Gfp.KSWAPD_RECLAIM)
_ATOMIC = int(Gfp.ATOMIC)
_NOMEMALLOC = int(Gfp.NOMEMALLOC)
_MEMALLOC = int(Gfp.MEMALLOC)
_MOVABLE = int(Gfp.MOVABLE)


def slow_path_flags(
    profile: Profile, order: int, gfp: int, *, context: int = 0, realtime: bool = False
) -> int:
    """Alloc flags at the min mark for a canonical mask.

    ``realtime``: the current task is real-time or deadline (counts in task context only).
    """
    flags = ALLOC_CPUSET | (gfp & _HIGH) | (gfp & _KSWAPD and ALLOC_KSWAPD)
    if gfp & _MOVABLE:
        flags |= ALLOC_CMA
    favoured = realtime and not context & _ATOMIC_CONTEXTS
    exempting = _HIGH if profile.watermark_rule == "free-highatomic" else _ATOMIC
    if gfp & exempting:
        flags |= ALLOC_BOOST_EXEMPT
    if profile.watermark_rule in {"min-reserve", "free-highatomic"}:
        return _modern(flags, order, gfp, favoured)
    if profile.slowpath == "2.6.25":
        harder = not gfp & _WAIT or favoured
    elif profile.slowpath in {"2.6.32", "3.13"}:
        harder = (not gfp & _WAIT and not gfp & _NOMEMALLOC) or favoured
    else:
        harder = bool(gfp & _ATOMIC and not gfp & _NOMEMALLOC) or favoured
    if harder:
        flags |= ALLOC_NON_BLOCK
    if not gfp & _WAIT:
        flags &= ~ALLOC_CPUSET
    return flags


def _modern(flags: int, order: int, gfp: int, favoured: bool) -> int:
    if gfp & _WAIT:
        return flags | ALLOC_MIN_RESERVE if favoured else flags
    if not gfp & _NOMEMALLOC:
        flags |= ALLOC_NON_BLOCK
        if order > 0 and flags & ALLOC_MIN_RESERVE:
            flags |= ALLOC_HIGHATOMIC
    if flags & ALLOC_MIN_RESERVE:
        flags &= ~ALLOC_CPUSET
    return flags


def reserve_flags(gfp: int, *, memalloc_task: bool = False, oom_victim: bool = False) -> int:
    """NO_WATERMARKS, OOM or 0: the right to reserves below every mark (fact sheet 5.2 S4)."""
    if gfp & _NOMEMALLOC:
        return 0
    if gfp & _MEMALLOC or memalloc_task:
        return ALLOC_NO_WATERMARKS
    return ALLOC_OOM if oom_victim else 0

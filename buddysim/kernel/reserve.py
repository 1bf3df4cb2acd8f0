"""How far below a watermark a request may go, by era (fact sheet 3.4, 4.6).

The machine takes these decisions in ``mm``; here is the same table as arithmetic for those who
explain a mask or a log without running a machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.kernel.gfp import Gfp
from buddysim.kernel.profile import Profile

__all__ = ["Rights", "effective_min", "rights_of"]

_MIN_RESERVE_RULES = frozenset({"min-reserve", "free-highatomic"})


@dataclass(frozen=True)
class Rights:
    """What a request may do to the minimum mark."""

    no_watermarks: bool = False
    """Ignores every mark: MEMALLOC; up to 4.4 also the OOM killer's victim."""
    half: bool = False
    """HIGH, called MIN_RESERVE since 6.3."""
    quarter: bool = False
    """HARDER, called NON_BLOCK since 6.3, where it counts only together with ``half``."""
    oom_half: bool = False
    """The OOM killer's victim since 4.13."""


def rights_of(
    gfp: int,
    profile: Profile,
    *,
    realtime: bool = False,
    oom_victim: bool = False,
    memalloc_task: bool = False,
) -> Rights:
    """The reserves open to a canonical mask.

    ``realtime``: a real-time or deadline task in task context; ``memalloc_task``: PF_MEMALLOC.
    """
    nomemalloc = bool(gfp & Gfp.NOMEMALLOC)
    sleeps = bool(gfp & Gfp.DIRECT_RECLAIM)
    half = bool(gfp & Gfp.HIGH)
    modern = profile.watermark_rule in _MIN_RESERVE_RULES
    if modern:
        quarter = not sleeps and not nomemalloc
        half = half or (sleeps and realtime)
    elif profile.gfp_era == "2.6.25":
        quarter = not sleeps or realtime
    elif profile.watermark_rule in {"loop", "loop-cma"}:
        quarter = (not sleeps and not nomemalloc) or realtime
    else:
        quarter = (bool(gfp & Gfp.ATOMIC) and not nomemalloc) or realtime
    spared = oom_victim and not nomemalloc
    oom_half = spared and (modern or profile.watermark_rule == "list-oom")
    memalloc = (bool(gfp & Gfp.MEMALLOC) or memalloc_task) and not nomemalloc
    return Rights(
        no_watermarks=memalloc or (spared and not oom_half),
        half=half,
        quarter=quarter and (half or not modern),
        oom_half=oom_half,
    )


def effective_min(mark: int, rights: Rights, profile: Profile) -> int:
    """Pages that must stay free, lowmem reserve not counted; 0 when marks do not apply.

    The half goes first, then a quarter of what is left: 8182 becomes 4091, then 3069.
    """
    if rights.no_watermarks:
        return 0
    if rights.half:
        mark -= mark // 2
    replaces_quarter = profile.watermark_rule == "list-oom" and rights.oom_half
    if rights.quarter and not replaces_quarter:
        mark -= mark // 4
    if rights.oom_half:
        mark -= mark // 2
    return mark

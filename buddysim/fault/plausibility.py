"""Could this injected failure have happened by itself at that moment?

Judged from the last look at each zone (``mm.request.ZoneTry``): free pages against the mark that
this very request may use, and whether a block of its order was there (fact sheet 3.4, 5.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from buddysim.kernel.constants import PAGE_ALLOC_COSTLY_ORDER
from buddysim.kernel.gfp_table import Gfp
from buddysim.mm.failure import ZoneTry

__all__ = ["Plausibility", "PlausibilityNote", "assess_plausibility"]

_DIRECT_RECLAIM = int(Gfp.DIRECT_RECLAIM)
_MAY_GIVE_UP = int(Gfp.NORETRY | Gfp.RETRY_MAYFAIL)
_NEAR = 2
"""A zone with less than this many times the pages it must keep is near its mark."""


class Plausibility(StrEnum):
    """How natural an injected failure looks, from most to least."""

    CERTAIN = "certain"
    """The allocator would have refused as well, without reclaim."""
    NEAR = "near"
    """A burst, or a little fragmentation, away."""
    UNLIKELY = "unlikely"
    NEVER = "practically-never"
    """The kernel would rather kill a process than fail such a request."""


@dataclass(frozen=True, slots=True)
class PlausibilityNote:
    """A class and one sentence with the numbers it rests on."""

    plausibility: Plausibility
    sentence: str


def assess_plausibility(order: int, gfp: int, zones: Sequence[ZoneTry]) -> PlausibilityNote:
    """Class and sentence for a request of ``order`` with a canonical mask.

    ``zones``: the request's zones as they stood; empty when nothing is known.  O(zones).
    """
    sleeps = bool(gfp & _DIRECT_RECLAIM)
    keeps_trying = (
        sleeps and order <= PAGE_ALLOC_COSTLY_ORDER and not gfp & _MAY_GIVE_UP
    ) or gfp & int(Gfp.NOFAIL)
    if keeps_trying:
        return PlausibilityNote(
            Plausibility.NEVER,
            f"an order-{order} request that may sleep is retried until the OOM killer frees "
            f"memory: practically never a natural failure{_standing(zones)}",
        )
    allowed = [zone for zone in zones if zone.verdict != "not-allowed"]
    if not allowed:
        return PlausibilityNote(Plausibility.UNLIKELY, "the zones at that moment are not known")
    if all(zone.verdict != "passes" for zone in allowed):
        return _would_fail(order, sleeps, allowed)
    open_zones = [zone for zone in allowed if zone.verdict == "passes"]
    return _would_pass(order, open_zones)


def _would_fail(order: int, sleeps: bool, zones: Sequence[ZoneTry]) -> PlausibilityNote:
    best = max(zones, key=_headroom)
    if best.missing:
        why = f"{best.name} was {best.missing} pages short of the mark it may use"
    else:
        why = f"{best.name} had {best.free} pages free but no usable block of order {order}"
    if sleeps:
        return PlausibilityNote(
            Plausibility.NEAR, f"could have failed had reclaim found nothing: {why}"
        )
    return PlausibilityNote(Plausibility.CERTAIN, f"would have failed anyway: {why}")


def _would_pass(order: int, zones: Sequence[ZoneTry]) -> PlausibilityNote:
    best = max(zones, key=_headroom)
    needed = best.mark + best.reserve + (1 << order)
    usable = best.free - best.unusable
    numbers = f"{best.name} had {usable} usable pages free, {needed} needed"
    if usable < _NEAR * needed:
        return PlausibilityNote(Plausibility.NEAR, f"a burst away from failing: {numbers}")
    if order and all(zone.suitable_blocks <= 1 for zone in zones):
        return PlausibilityNote(
            Plausibility.NEAR,
            f"fragmentation could have failed it: one block of order {order} or more was left "
            f"in {best.name}",
        )
    return PlausibilityNote(Plausibility.UNLIKELY, f"unlikely to fail then: {numbers}")


def _headroom(zone: ZoneTry) -> int:
    return zone.free - zone.unusable - zone.mark - zone.reserve


def _standing(zones: Sequence[ZoneTry]) -> str:
    if not zones:
        return ""
    best = max(zones, key=_headroom)
    return f" ({best.name} had {best.free} pages free, mark {best.mark})"

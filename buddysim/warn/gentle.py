"""The "it is only a warning" form: one friendly line, and advice once failures persist.

A caller's first failure of a kind (order, mask, cause) is told in one line.  If :data:`PERSISTENT`
of them come with less than :data:`QUIET_NS` between one and the next, the line says what to try,
with numbers; it comes again each time the streak has doubled.  Everything in between only counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from buddysim.kernel.context import ATOMIC_CONTEXTS
from buddysim.kernel.gfp import format_names
from buddysim.kernel.gfp_table import Gfp
from buddysim.warn.counters import FailureCount

if TYPE_CHECKING:
    from buddysim.mm.failure import ZoneTry
    from buddysim.warn.failed import FailedAllocation

__all__ = ["PERSISTENT", "QUIET_NS", "gentle_lines"]

PERSISTENT = 10
"""Failures in a streak from which on a warning gives advice."""
QUIET_NS = 10_000_000_000
"""A pause of this length ends a streak."""

_KB_PER_PAGE = 4
_ROUND_KB = 128
_DIRECT_RECLAIM = int(Gfp.DIRECT_RECLAIM)


def gentle_lines(
    failed: FailedAllocation, row: FailureCount, *, era: str, min_free_kbytes: int
) -> list[str]:
    """What to print for a failure that ``row`` has already counted; nothing for most."""
    if row.streak == 1:
        return [_first(failed, era)]
    streak = row.streak
    while streak > PERSISTENT and streak % 2 == 0:
        streak //= 2
    if streak != PERSISTENT:
        return []
    return [_still(failed, row), f"  try: {_advice(failed, min_free_kbytes)}"]


def _first(failed: FailedAllocation, era: str) -> str:
    return (
        f"{failed.caller}: no memory for an order-{failed.order} request "
        f"({format_names(failed.gfp, era)}): {failed.cause}. "
        "It is only a warning: callers are expected to cope."
    )


def _still(failed: FailedAllocation, row: FailureCount) -> str:
    seconds = (failed.time_ns - row.first_ns) / 1e9
    return (
        f"{failed.caller}: {row.streak} order-{failed.order} requests in a row failed "
        f"({failed.cause}), first {seconds:.3f} s ago: this persists."
    )


def _advice(failed: FailedAllocation, min_free_kbytes: int) -> str:
    allowed = [zone for zone in failed.zones if zone.verdict != "not-allowed"]
    best = max(allowed, key=lambda zone: zone.free - zone.mark - zone.reserve, default=None)
    advise = _ADVICE.get(failed.cause, _exhausted)
    return advise(failed, best, min_free_kbytes)


def _below_watermark(failed: FailedAllocation, zone: ZoneTry | None, min_free_kbytes: int) -> str:
    if zone is None:
        return "a larger vm.min_free_kbytes, so that kswapd starts earlier"
    short = f"{zone.name} had {zone.free} pages free, {zone.missing} short"
    if not failed.gfp & _DIRECT_RECLAIM and not failed.context & int(ATOMIC_CONTEXTS):
        return f"GFP_KERNEL here: the caller may sleep and reclaim would find pages ({short})"
    wanted = min_free_kbytes + 2 * _KB_PER_PAGE * max(zone.missing, 1 << failed.order)
    wanted = -(-wanted // _ROUND_KB) * _ROUND_KB
    return f"vm.min_free_kbytes={wanted} (now {min_free_kbytes}): {short}"


def _fragmented(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    free = f"; {zone.name} had {zone.free} pages free" if zone else ""
    return (
        f"order 0 or kvmalloc instead of {1 << failed.order} adjacent pages, or more of "
        f"vm.compaction_proactiveness{free}, none adjacent enough"
    )


def _wrong_migratetype(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    return "nothing in the caller: the free blocks are of a type this request may not take"


def _reserved(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    kept = f" ({zone.unusable} pages of {zone.name})" if zone else ""
    return f"a smaller CMA or highatomic reserve: what is free is kept for others{kept}"


def _zone_restricted(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    limit = f" {zone.name}" if zone else " its zone"
    return f"a wider DMA mask or swiotlb: only{limit} is out of pages, others have some"


def _exhausted(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    free = f" ({zone.free} pages free in {zone.name})" if zone else ""
    return f"finding who holds the memory, or adding some: tuning does not help{free}"


def _impossible(failed: FailedAllocation, zone: ZoneTry | None, _: int) -> str:
    return f"vmalloc: no machine can give order {failed.order} in one piece"


_ADVICE: dict[str, Callable[[FailedAllocation, ZoneTry | None, int], str]] = {
    "below-watermark": _below_watermark,
    "fragmented": _fragmented,
    "wrong-migratetype": _wrong_migratetype,
    "reserved": _reserved,
    "zone-restricted": _zone_restricted,
    "exhausted": _exhausted,
    "impossible-order": _impossible,
}

"""Why a request failed: the zone-by-zone account and the one cause that sums it up.

The kernel does not name causes.  Ours follow from the watermark rule (fact sheet 3.4) evaluated
once more with the request's own rights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from buddysim.mm.failure import Failure, ZoneTry
from buddysim.mm.request import Request

if TYPE_CHECKING:
    from buddysim.mm.page_allocator import PageAllocator
    from buddysim.mm.zone import Zone

__all__ = ["cause_of", "explain_failure", "try_zone"]

_WMARK_MASK = 3
_NO_WATERMARKS = 0x04
_PRECEDENCE = ("wrong-migratetype", "fragmented", "reserved", "below-watermark")


def _verdict(zone: Zone, order: int, alloc_flags: int, missing: int, unusable: int) -> str:
    if missing:
        if missing <= unusable - ((1 << order) - 1):
            return "reserved"
        if order and zone.true_free - missing > 0 and not _any_block(zone, order):
            return "fragmented"
        return "below-watermark"
    if not _any_block(zone, order):
        return "fragmented"
    if order and not zone.has_suitable_block(order, alloc_flags):
        return "wrong-migratetype"
    return "passes"


def _any_block(zone: Zone, order: int) -> bool:
    return any(zone.nr_free[current] for current in range(order, 11))


def try_zone(zone: Zone, request: Request, alloc_flags: int) -> ZoneTry:
    """The watermark arithmetic of one zone for one request, nothing changed."""
    mark = zone.lowered_min(zone.wmark(alloc_flags & _WMARK_MASK), alloc_flags)
    if alloc_flags & _NO_WATERMARKS:
        mark = -(1 << 40)
    reserve = zone.lowmem_reserve[request.class_index]
    unusable = zone.unusable_free(request.order, alloc_flags)
    missing = max(0, mark + reserve + 1 - (zone.free - unusable))
    if zone.zone_index > request.class_index:
        verdict = "not-allowed"
    else:
        verdict = _verdict(zone, request.order, alloc_flags, missing, unusable)
    return ZoneTry(
        name=zone.name,
        node=zone.node,
        free=zone.true_free,
        mark=max(mark, 0),
        reserve=reserve,
        unusable=unusable,
        missing=missing,
        suitable_blocks=zone.suitable_blocks(request.order),
        verdict=verdict,
    )


def explain_failure(
    allocator: PageAllocator, request: Request, alloc_flags: int, **rounds: int
) -> Failure:
    """Build the Failure of a request that every zone has just refused."""
    allowed = allocator.zonelist_of(request.gfp, request.node)
    tries = tuple(try_zone(zone, request, alloc_flags) for zone in allowed if zone.managed)
    tries = tuple(
        entry if entry.verdict != "passes" else _refused_all_the_same(entry) for entry in tries
    )
    cause = cause_of(allocator, request, alloc_flags, tries)
    return Failure(request.order, request.gfp, request.context, cause, tries, **rounds)


def _refused_all_the_same(entry: ZoneTry) -> ZoneTry:
    """The check passes but the lists gave nothing: what is free is of types out of reach."""
    return replace(entry, verdict="wrong-migratetype" if entry.free else "below-watermark")


def cause_of(
    allocator: PageAllocator, request: Request, alloc_flags: int, tries: tuple[ZoneTry, ...]
) -> str:
    """One word for the whole zonelist (architecture.md, Words)."""
    verdicts = [entry.verdict for entry in tries if entry.verdict != "not-allowed"]
    if _others_would_do(allocator, request, alloc_flags):
        return "zone-restricted"
    free = sum(entry.free for entry in tries if entry.verdict != "not-allowed")
    if not verdicts or free < 1 << request.order:
        return "exhausted"
    return next((word for word in _PRECEDENCE if word in verdicts), "below-watermark")


def _others_would_do(allocator: PageAllocator, request: Request, alloc_flags: int) -> bool:
    """Would a zone this request may not use have passed the same test?"""
    allowed = allocator.zonelist_of(request.gfp, request.node)
    for zone in allocator.zones:
        if zone in allowed and zone.zone_index <= request.class_index:
            continue
        mark = zone.wmark(alloc_flags & _WMARK_MASK)
        if zone.managed and zone.watermark_ok(request.order, mark, 4, alloc_flags, zone.free):
            return True
    return False

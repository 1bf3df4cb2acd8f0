"""Every invariant of a machine, checked the slow way; a failure names both facts."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.errors import ValidationError
from buddysim.mm.free_area import PCP_HEAD, PCP_LISTS
from buddysim.mm.machine import Machine
from buddysim.mm.state import pindex_parts
from buddysim.mm.zone import Zone

__all__ = ["validate_machine", "validate_zone"]

_ORDERS = 11
_TYPES = 6
_ISOLATE = 5
_HIGHATOMIC = 3
_CMA = 4


def validate_machine(machine: Machine, event: int = -1) -> None:
    """Raise ValidationError, with the event number, at the first broken invariant.  O(pages)."""
    for zone in machine.zones:
        validate_zone(zone, event)


def validate_zone(zone: Zone, event: int = -1) -> None:
    """Links, heads, alignment, overlap, maximal merge, counts and per-cpu lists of one zone."""
    where = f"event {event}: zone {zone.node} {zone.name}"
    covered: dict[int, int] = {}
    free = _validate_free_lists(zone, where, covered)
    _validate_pcp(zone, where, covered)
    _validate_heads(zone, where, covered)
    _validate_merged(zone, where)
    if free != zone.true_free:
        raise ValidationError(f"{where} counts {zone.true_free} free pages, its lists hold {free}")


def _walk(zone: Zone, head: int, where: str) -> Iterator[int]:
    """Indexes on a list; every next must be answered by a prev."""
    before, index = head, zone.next[head]
    while index != head:
        if zone.prev[index] != before:
            raise ValidationError(
                f"{where}: {before}.next is {index}, but {index}.prev is {zone.prev[index]}"
            )
        yield index
        before, index = index, zone.next[index]
    if zone.prev[head] != before:
        raise ValidationError(f"{where}: list ends at {before}, its head says {zone.prev[head]}")


def _cover(covered: dict[int, int], index: int, order: int, where: str) -> None:
    for page in range(index, index + (1 << order)):
        if page in covered:
            raise ValidationError(
                f"{where}: page {page} is in the blocks at {covered[page]} and at {index}"
            )
        covered[page] = index


def _validate_free_lists(zone: Zone, where: str, covered: dict[int, int]) -> int:
    free = 0
    highatomic = 0
    for order in range(_ORDERS):
        blocks = 0
        for migratetype in range(_TYPES):
            for index in _walk(zone, zone.list_head(order, migratetype), where):
                if zone.order_of[index] != order or index & ((1 << order) - 1):
                    raise ValidationError(
                        f"{where}: block {index} is on list {order}, marked {zone.order_of[index]}"
                    )
                _cover(covered, index, order, where)
                blocks += 1
                free += (1 << order) if migratetype != _ISOLATE else 0
                highatomic += (1 << order) if migratetype == _HIGHATOMIC else 0
        if blocks != zone.nr_free[order]:
            raise ValidationError(
                f"{where}: nr_free[{order}] is {zone.nr_free[order]}, its lists hold {blocks}"
            )
    if zone.fallback_scheme == 5 and highatomic != zone.free_highatomic:
        raise ValidationError(
            f"{where}: counts {zone.free_highatomic} free highatomic pages, lists hold {highatomic}"
        )
    return free


def _validate_pcp(zone: Zone, where: str, covered: dict[int, int]) -> None:
    for cpu in range(zone.nr_cpus):
        pages = 0
        for pindex in range(PCP_LISTS):
            order = 9 if pindex >= 12 else pindex_parts(pindex)[0]
            for index in _walk(zone, zone.pcp_list(cpu, pindex), where):
                if zone.order_of[index] != PCP_HEAD - order:
                    raise ValidationError(
                        f"{where}: page {index} is on pcp list {pindex}, "
                        f"marked {zone.order_of[index]}"
                    )
                _cover(covered, index, order, where)
                pages += 1 << order
        if pages != zone.pcp_count[cpu]:
            raise ValidationError(
                f"{where}: cpu {cpu} counts {zone.pcp_count[cpu]} pcp pages, lists hold {pages}"
            )


def _validate_heads(zone: Zone, where: str, covered: dict[int, int]) -> None:
    for index in range(zone.size):
        if zone.order_of[index] != -1 and covered.get(index) != index:
            raise ValidationError(
                f"{where}: page {index} is marked a head ({zone.order_of[index]}) on no list"
            )


def _validate_merged(zone: Zone, where: str) -> None:
    """No two free buddies below pageblock size face each other."""
    for index in range(zone.size):
        order = zone.order_of[index]
        if 0 <= order < zone.pageblock_order and not index & (1 << order):
            buddy = index + (1 << order)
            if zone.order_of[buddy] == order:
                raise ValidationError(
                    f"{where}: order-{order} buddies {index} and {buddy} are both free, unmerged"
                )

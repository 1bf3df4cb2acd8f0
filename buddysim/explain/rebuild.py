"""A machine with the free lists and marks of a report, to put the very request to it again.

Only free memory is rebuilt: zones are as large as their free blocks need, since a zone's size
plays no part in the decision once marks and reserves are given.  Blocks printed with several
letters are shared out: CMA as far as ``free_cma`` says, one for each other letter, the rest to the
first.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.errors import ConfigError, ValidationError
from buddysim.explain.asked import Asked
from buddysim.explain.look import class_names
from buddysim.kernel.constants import MAX_PAGE_ORDER, ZONE_INDEX, ZONE_NAMES
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.migratetype import LETTERS
from buddysim.mm.failure import Failure
from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec, Sysctl, ZoneSpec
from buddysim.source.kernel_log_model import FailureReport, ZoneReport

__all__ = ["Replayed", "can_rebuild", "machine_spec", "replay_request"]

_PAGE_KB = 4
_BLOCK = 1 << MAX_PAGE_ORDER
_MAX_FREE_PAGES = 1 << 22
_MAX_KB = 1 << 30
"""Marks beyond this (1 TiB) are damage in the log."""
_MAX_NODES = 64
_CMA = LETTERS.index("C")
_RESERVE_LETTER = "R"


@dataclass(frozen=True)
class Replayed:
    """What the rebuilt machine answered."""

    granted: bool
    failure: Failure | None


def can_rebuild(report: FailureReport, asked: Asked) -> bool:
    """Are marks and free blocks of every zone there, in pages of 4 KiB and orders up to 10?"""
    zones = [zone for zone in report.zones if "min" in zone.numbers]
    return (
        asked.gfp is not None
        and report.page_size_kb == _PAGE_KB
        and bool(zones)
        and (report.order or 0) <= MAX_PAGE_ORDER
        and all(_is_whole(zone) for zone in zones)
        and len({(zone.node, zone.name) for zone in zones}) == len(zones)
    )


def _is_whole(zone: ZoneReport) -> bool:
    return (
        zone.name in ZONE_INDEX
        and zone.blocks is not None
        and not zone.blocks_cut
        and len(zone.blocks) <= MAX_PAGE_ORDER + 1
        and sum(count << order for order, count in enumerate(zone.blocks)) < _MAX_FREE_PAGES
        and {"low", "high"} <= zone.numbers.keys()
        and zone.numbers["min"] <= zone.numbers["low"] <= zone.numbers["high"] <= _MAX_KB
        and max(zone.lowmem_reserve or [0]) <= _MAX_KB
        and (zone.node or 0) < _MAX_NODES
    )


def machine_spec(report: FailureReport, asked: Asked, added_kb: int = 0) -> MachineSpec:
    """The state at the time of printing.

    ``added_kb``: as if min_free_kbytes had been that much larger and kswapd had kept as much more
    free, shared over the zones by their marks.  Raises ConfigError for states that no machine has.
    """
    zones = [zone for zone in report.zones if "min" in zone.numbers]
    total = sum(zone.numbers["min"] for zone in zones) or 1
    specs, start = [], 0
    for zone in sorted(zones, key=lambda each: (each.node or 0, ZONE_INDEX[each.name])):
        more = added_kb * zone.numbers["min"] // total // _PAGE_KB
        spec = _zone_spec(zone, report, start, more)
        specs.append(spec)
        start += spec.spanned
    return MachineSpec(tuple(specs), profile=asked.profile.name, sysctl=Sysctl(), origin="report")


def _zone_spec(zone: ZoneReport, report: FailureReport, start: int, more: int) -> ZoneSpec:
    counts = _free_counts(zone, list(zone.blocks or ()))
    if more > _MAX_FREE_PAGES:
        raise ConfigError(f"{more} pages more in zone {zone.name}", expected="a mark that fits")
    if more:
        counts[0, 0] = counts.get((0, 0), 0) + more
    free = sum(count << order for (order, _), count in counts.items())
    span = (3 * free // _BLOCK + 16) * _BLOCK
    marks = [zone.numbers[name] // _PAGE_KB + more for name in ("min", "low", "high")]
    return ZoneSpec(
        name=zone.name,
        start_pfn=start,
        spanned=span,
        node=zone.node or 0,
        present=span,
        managed=span,
        cma_pages=sum(count << order for (order, kind), count in counts.items() if kind == _CMA),
        marks=(marks[0], marks[1], marks[2]),
        lowmem_reserve=_reserve_row(zone, report),
        free_counts=counts,
        nr_reserved_highatomic=zone.numbers.get("reserved_highatomic", 0) // _PAGE_KB,
    )


def _reserve_row(zone: ZoneReport, report: FailureReport) -> tuple[int, ...]:
    """``lowmem_reserve[]`` by the numbering that covers every architecture's zones."""
    printed = zone.lowmem_reserve or []
    by_name = dict(zip(class_names(report, len(printed)), printed, strict=False))
    row, last = [], 0
    for name in ZONE_NAMES[:5]:
        last = by_name.get(name, last)
        row.append(last)
    return tuple(row)


def _free_counts(zone: ZoneReport, blocks: list[int]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    cma_left = zone.numbers.get("free_cma", 0) // _PAGE_KB
    for order in reversed(range(len(blocks))):
        letters = zone.letters[order] if order < len(zone.letters) else None
        kinds = _kinds(letters)
        left = blocks[order]
        if _CMA in kinds:
            others = [kind for kind in kinds if kind != _CMA]
            cma = max(min(left - len(others), max(cma_left >> order, 1)), 0) if others else left
            counts[order, _CMA] = cma
            cma_left -= cma << order
            left -= cma
            kinds = others or kinds
        for kind in kinds[1:]:
            if left > 1:
                counts[order, kind] = counts.get((order, kind), 0) + 1
                left -= 1
        counts[order, kinds[0]] = counts.get((order, kinds[0]), 0) + left
    return {key: count for key, count in counts.items() if count}


def _kinds(letters: str | None) -> list[int]:
    """Migratetypes of printed letters; movable where none are printed.  R was slot 3 before H."""
    text = (letters or "M").replace(_RESERVE_LETTER, "H")
    return list(dict.fromkeys(LETTERS.index(letter) for letter in text if letter in LETTERS)) or [1]


def replay_request(
    report: FailureReport,
    asked: Asked,
    *,
    order: int | None = None,
    gfp: int | None = None,
    added_kb: int = 0,
) -> Replayed | None:
    """Put the request (or one with another order or mask) to the rebuilt machine.

    Nobody reclaims, compacts or kills there.  None when the report does not tell enough.
    """
    if not can_rebuild(report, asked):
        return None
    try:
        machine = build_machine(machine_spec(report, asked, added_kb))
        mask = (asked.gfp or 0) if gfp is None else gfp
        mask &= ~int(Gfp.NOFAIL | Gfp.THISNODE)
        wanted = (report.order or 0) if order is None else order
        node = min((zone.node or 0) for zone in report.zones)
        pfn = machine.alloc_pages(wanted, mask, node=node)
    except (ConfigError, ValidationError):
        return None
    return Replayed(pfn >= 0, machine.last_failure if pfn < 0 else None)

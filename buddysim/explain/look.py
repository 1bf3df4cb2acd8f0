"""One zone of a report through the eyes of its request: mark, reserve, what is missing (3.4).

Pages throughout.  The printed ``min`` includes the boost.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.errors import ConfigError
from buddysim.explain.asked import Asked
from buddysim.kernel.constants import ZONE_INDEX, ZONE_NAMES, ZONE_NORMAL
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.reserve import effective_min, rights_of
from buddysim.kernel.zone import highest_zone
from buddysim.source.kernel_log_model import FailureReport, ZoneReport

__all__ = ["ZoneLook", "class_names", "look_at_zones", "request_class"]

_BY_LENGTH = {
    2: ("Normal", "Movable"),
    4: ("DMA", "DMA32", "Normal", "Movable"),
    5: ("DMA", "DMA32", "Normal", "Movable", "Device"),
}


@dataclass(frozen=True)
class ZoneLook:
    """The watermark test of one zone for one request."""

    zone: ZoneReport
    eligible: bool
    free: int
    reserved: int
    """Free pages of CMA and highatomic blocks, which this request may not use."""
    mark: int
    """Pages that must stay free for this request, without ``reserve``."""
    reserve: int
    """lowmem_reserve against this request's zone class."""
    missing: int
    """Pages too few; 0 = the mark is met."""
    blocks: int | None
    """Free blocks of the order or larger; None where not printed."""
    own_blocks: int | None
    """Those not only of types C, H or I."""

    @property
    def passes(self) -> bool:
        """Zone allowed and mark met."""
        return self.eligible and not self.missing


def look_at_zones(report: FailureReport, asked: Asked) -> list[ZoneLook]:
    """Every zone of the report whose free pages and minimum are printed."""
    order = report.order or 0
    if asked.gfp is None:
        return []
    top = request_class(report, asked.gfp)
    return [
        _look(zone, report, asked, order, top)
        for zone in report.zones
        if "free" in zone.numbers and "min" in zone.numbers
    ]


def request_class(report: FailureReport, gfp: int) -> int:
    """Highest zone index the mask reaches on this machine; Normal for contradictory masks."""
    has_highmem = any(zone.name in {"HighMem", "High"} for zone in report.zones)
    try:
        return highest_zone(gfp, has_highmem=has_highmem)
    except ConfigError:
        return ZONE_NORMAL


def class_names(report: FailureReport, length: int) -> tuple[str, ...]:
    """The zone classes that ``lowmem_reserve[]`` counts through, told by its length."""
    names = {zone.name for zone in report.zones}
    if "HighMem" in names:
        full = ("DMA", "Normal", "HighMem", "Movable")
        return full if length == len(full) else full[1:]
    if length == 3:
        return ("DMA32" if "DMA32" in names else "DMA", "Normal", "Movable")
    return _BY_LENGTH.get(length, ZONE_NAMES)


def _look(zone: ZoneReport, report: FailureReport, asked: Asked, order: int, top: int) -> ZoneLook:
    gfp = asked.gfp or 0
    page = report.page_size_kb
    free = zone.numbers["free"] // page
    rights = rights_of(gfp, asked.profile, oom_victim=False)
    mark = effective_min(zone.numbers["min"] // page, rights, asked.profile)
    reserve = _reserve(zone, report, top)
    reserved = _reserved(zone, report, gfp, rights.quarter)
    missing = max(0, mark + reserve + 1 - (free - reserved - ((1 << order) - 1)))
    blocks, own = _count_blocks(zone, order, may_use_cma=bool(gfp & Gfp.MOVABLE))
    return ZoneLook(
        zone=zone,
        eligible=ZONE_INDEX.get(zone.name, top) <= top,
        free=free,
        reserved=reserved,
        mark=mark,
        reserve=reserve,
        missing=missing,
        blocks=blocks,
        own_blocks=own,
    )


def _reserve(zone: ZoneReport, report: FailureReport, top: int) -> int:
    row = zone.lowmem_reserve
    if not row:
        return 0
    names = class_names(report, len(row))
    wanted = ZONE_NAMES[top]
    if wanted not in names:
        wanted = "Normal"
    position = names.index(wanted) if wanted in names else len(row) - 1
    return row[min(position, len(row) - 1)]


def _reserved(zone: ZoneReport, report: FailureReport, gfp: int, quarter: bool) -> int:
    """CMA unless movable; highatomic unless the request may dig into it."""
    page = report.page_size_kb
    cma = zone.numbers.get("free_cma")
    if cma is None and len(report.zones) == 1:
        pages = report.counters.get("free_cma", 0)
    else:
        pages = (cma or 0) // page
    if gfp & Gfp.MOVABLE:
        pages = 0
    if not quarter:
        highatomic = zone.numbers.get("free_highatomic", zone.numbers.get("reserved_highatomic", 0))
        pages += highatomic // page
    return min(pages, zone.numbers["free"] // page)


def _count_blocks(
    zone: ZoneReport, order: int, *, may_use_cma: bool
) -> tuple[int | None, int | None]:
    if zone.blocks is None or (zone.blocks_cut and len(zone.blocks) <= order):
        return None, None
    closed = {"H", "I"} if may_use_cma else {"C", "H", "I"}
    blocks = own = 0
    for size in range(order, len(zone.blocks)):
        blocks += zone.blocks[size]
        letters = zone.letters[size] if size < len(zone.letters) else None
        if not letters or set(letters) - closed:
            own += zone.blocks[size]
    return blocks, own

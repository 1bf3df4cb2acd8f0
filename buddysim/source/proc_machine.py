"""A machine from what a live kernel says about itself in /proc (fact sheet 12.2 to 12.4).

The files tell how much is free, not where: ``mm.layout`` places it by its fixed rule.  A zone with
holes (present less than spanned) is taken to be contiguous from its start, since the files do not
tell where the holes are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from buddysim.errors import TraceError
from buddysim.kernel.constants import MAX_PAGE_ORDER, NR_PAGE_ORDERS, PAGEBLOCK_ORDER
from buddysim.kernel.migratetype import MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE
from buddysim.kernel.profile import DEFAULT_PROFILE, profile_of
from buddysim.mm.spec import ZONE_INDEX, MachineSpec, Sysctl, ZoneSpec
from buddysim.source.proc import (
    PageTypeInfo,
    ZoneInfo,
    parse_buddyinfo,
    parse_pagetypeinfo,
    parse_zoneinfo,
)

__all__ = ["machine_spec_from_proc"]

FreeCounts = dict[tuple[int, int], int]


def machine_spec_from_proc(
    zoneinfo: str,
    buddyinfo: str = "",
    pagetypeinfo: str = "",
    *,
    profile: str = DEFAULT_PROFILE,
    sysctl: Sysctl | None = None,
    contiguous: bool = True,
) -> MachineSpec:
    """Zones, marks, reserves, cpus and free blocks of the machine the texts describe.

    ``pagetypeinfo`` beats ``buddyinfo``, which has no types (all free blocks count as movable);
    with neither, the free pages of ``zoneinfo`` form blocks as large as possible.
    ``contiguous`` False keeps each zone's whole span, for who knows where its holes are.
    Raises TraceError that names what is wrong in which text.
    """
    zones = [zone for zone in parse_zoneinfo(zoneinfo, "zoneinfo") if zone.present]
    types = parse_pagetypeinfo(pagetypeinfo, "pagetypeinfo") if pagetypeinfo.strip() else None
    counts = _counts(zones, buddyinfo, types)
    _add_cached(counts, zones)
    pageblock_order = types.pageblock_order if types else PAGEBLOCK_ORDER
    specs = []
    for zone in zones:
        if zone.name not in ZONE_INDEX:
            continue
        blocks = types.blocks.get((zone.node, zone.name), {}) if types else {}
        spec = replace(
            _zone(zone, counts[zone.node, zone.name], blocks, zones),
            nr_reserved_highatomic=blocks.get(MIGRATE_HIGHATOMIC, 0) << pageblock_order,
        )
        specs.append(_without_holes(spec, blocks, pageblock_order) if contiguous else spec)
    if not specs:
        raise TraceError("no populated zone", path="zoneinfo", line=1)
    return MachineSpec(
        zones=tuple(specs),
        profile=profile_of(profile).name,
        ncpus=max(1, *(len(zone.pagesets) for zone in zones)),
        sysctl=sysctl or Sysctl(),
        pageblock_order=pageblock_order,
        has_dma32=any(zone.name == "DMA32" for zone in zones),
        origin="zoneinfo" + (", pagetypeinfo" if types else ", buddyinfo" if buddyinfo else ""),
    )


def _zone(
    zone: ZoneInfo,
    free: FreeCounts,
    blocks: dict[int, int],
    zones: list[ZoneInfo],
) -> ZoneSpec:
    return ZoneSpec(
        name=zone.name,
        start_pfn=zone.start_pfn,
        spanned=zone.spanned,
        node=zone.node,
        present=zone.present,
        managed=zone.managed,
        cma_pages=zone.cma,
        marks=(zone.min - zone.boost, zone.low - zone.boost, zone.high - zone.boost),
        boost=zone.boost,
        lowmem_reserve=_reserve(zone, zones),
        free_counts=free,
        pageblock_counts=blocks or None,
    )


def _without_holes(zone: ZoneSpec, blocks: dict[int, int], pageblock_order: int) -> ZoneSpec:
    """The zone as long as its pageblocks put together."""
    if not blocks:
        return zone
    first = zone.start_pfn >> pageblock_order
    end = (first + sum(blocks.values())) << pageblock_order
    return replace(zone, spanned=min(zone.spanned, end - zone.start_pfn))


def _counts(
    zones: list[ZoneInfo], buddyinfo: str, types: PageTypeInfo | None
) -> dict[tuple[int, str], FreeCounts]:
    """(node, zone) -> (order, migratetype) -> free blocks, from the best text there is."""
    counts: dict[tuple[int, str], FreeCounts] = {
        (zone.node, zone.name): _largest_blocks(zone.free) for zone in zones
    }
    if types is not None:
        for key in counts:
            counts[key] = {}
        for row in types.rows:
            _add(counts, (row.node, row.zone), row.migratetype, row.nr_free, "pagetypeinfo")
    elif buddyinfo.strip():
        for buddy in parse_buddyinfo(buddyinfo, "buddyinfo"):
            counts[buddy.node, buddy.zone] = {}
            _add(counts, (buddy.node, buddy.zone), MIGRATE_MOVABLE, buddy.nr_free, "buddyinfo")
    return counts


def _add_cached(counts: dict[tuple[int, str], FreeCounts], zones: list[ZoneInfo]) -> None:
    """Pages on the per-cpu lists are free as well, though in none of the free counts."""
    for zone in zones:
        cached = sum(pageset.count for pageset in zone.pagesets)
        if cached:
            row = counts[zone.node, zone.name]
            row[0, MIGRATE_MOVABLE] = row.get((0, MIGRATE_MOVABLE), 0) + cached


def _add(
    counts: dict[tuple[int, str], FreeCounts],
    key: tuple[int, str],
    migratetype: int,
    nr_free: tuple[int, ...],
    path: str,
) -> None:
    if len(nr_free) > NR_PAGE_ORDERS:
        raise TraceError(f"{len(nr_free)} orders", path=path, expected=f"at most {NR_PAGE_ORDERS}")
    rows = counts.setdefault(key, {})
    for order, blocks in enumerate(nr_free):
        if blocks:
            rows[order, migratetype] = rows.get((order, migratetype), 0) + blocks


def _largest_blocks(free: int) -> FreeCounts:
    """Free pages as blocks of the largest order and one of each smaller order that is needed."""
    blocks = Counter({(MAX_PAGE_ORDER, MIGRATE_MOVABLE): free >> MAX_PAGE_ORDER})
    for order in range(MAX_PAGE_ORDER):
        blocks[order, MIGRATE_MOVABLE] = free >> order & 1
    return {key: count for key, count in blocks.items() if count}


def _reserve(zone: ZoneInfo, zones: list[ZoneInfo]) -> tuple[int, ...]:
    """``protection`` by our zone indexes; a class the kernel lacks takes the next lower one's."""
    by_class = dict(zip(_classes(zone, zones), zone.protection, strict=False))
    row = []
    last = 0
    for name in ZONE_INDEX:
        last = by_class.get(name, last)
        row.append(last)
    return tuple(row)


def _classes(zone: ZoneInfo, zones: list[ZoneInfo]) -> tuple[str, ...]:
    """Zone types the kernel was built with, in the order of its ``protection`` columns."""
    names = {each.name for each in zones}
    columns = len(zone.protection)
    if "HighMem" in names:
        with_dma = ("DMA", "Normal", "HighMem", "Movable")
        return with_dma if columns >= len(with_dma) else with_dma[1:]
    if columns <= 2:
        return ("Normal", "Movable")
    if "DMA32" in names or columns >= 4:
        return ("DMA", "DMA32", "Normal", "Movable", "Device")
    return ("DMA", "Normal", "Movable")

"""A report input from a simulated machine as it stands.

The machine has no anonymous memory, slab or page tables: of those the report says 0; reclaimable
pages count as page cache on the inactive list.
"""

from __future__ import annotations

from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.migratetype import MIGRATE_TYPES
from buddysim.mm.machine import Machine
from buddysim.mm.zone import Zone
from buddysim.warn.failed import FailedAllocation
from buddysim.warn.report_input import (
    NodeInput,
    PagesetInput,
    ReportInput,
    ReportOptions,
    ZoneInput,
)

__all__ = ["report_input"]

_RESERVE_COLUMNS = ((0, 2, 3, 4), (0, 1, 2, 4))
"""Zone indexes of lowmem_reserve's columns without and with a DMA32 zone."""


def report_input(machine: Machine, failed: FailedAllocation) -> ReportInput:
    """Read the machine.  O(free blocks + reclaimable pages)."""
    zones = [zone for zone in machine.zones if zone.managed]
    cache = _page_cache(machine, zones)
    has_highmem = any(zone.name == "HighMem" for zone in zones)
    columns = _RESERVE_COLUMNS[not has_highmem]
    inputs = [
        _zone_input(zone, failed.cpu, columns, lru) for zone, lru in zip(zones, cache, strict=True)
    ]
    nodes = sorted({zone.node for zone in zones})
    total = {
        label: sum(zone.counters[label] for zone in inputs)
        for label in ("free", "free_pcp", "free_cma", "inactive_file", "writepending")
    }
    total["dirty"] = total["writepending"]
    total["inactive"] = total["inactive_file"]
    return ReportInput(
        order=failed.order,
        gfp=failed.gfp,
        comm=failed.comm,
        pid=failed.pid,
        cpu=failed.cpu,
        context=failed.context,
        highest_zone=machine.allocator.class_index(failed.gfp),
        frames=failed.frames,
        counters=total,
        nodes=[_node_input(node, inputs) for node in nodes],
        zones=inputs,
        totals=_totals(zones, total["inactive_file"]),
        options=ReportOptions(cma=any(zone.has_cma for zone in zones)),
    )


def _page_cache(machine: Machine, zones: list[Zone]) -> list[dict[str, int]]:
    """Reclaimable pages of each zone, and how many of them are dirty."""
    counts = [{"inactive_file": 0, "writepending": 0} for _ in zones]
    for pfn, dirty in machine.lru.items():
        for zone, count in zip(zones, counts, strict=True):
            if zone.start_pfn <= pfn < zone.end_pfn:
                count["inactive_file"] += 1
                count["writepending"] += dirty
                break
    return counts


def _zone_input(zone: Zone, cpu: int, columns: tuple[int, ...], cache: dict[str, int]) -> ZoneInput:
    counters = {
        "free": zone.free,
        "boost": zone.boost,
        "min": zone.wmark(0),
        "low": zone.wmark(1),
        "high": zone.wmark(2),
        "reserved_highatomic": zone.nr_reserved_highatomic,
        "present": zone.present,
        "managed": zone.managed,
        "free_pcp": zone.free_pcp,
        "local_pcp": zone.pcp_count[cpu] if cpu < len(zone.pcp_count) else 0,
        "free_cma": zone.free_cma,
        "inactive": cache["inactive_file"],
        "dirty": cache["writepending"],
        **cache,
    }
    return ZoneInput(
        name=zone.name,
        node=zone.node,
        zone_index=zone.zone_index,
        counters=counters,
        lowmem_reserve=[zone.lowmem_reserve[column] for column in columns],
        free_blocks=[_blocks(zone, order) for order in range(MAX_PAGE_ORDER + 1)],
        pagesets=[
            PagesetInput(high, batch, count)
            for high, batch, count in zip(
                zone.pcp_high, zone.pcp_batch, zone.pcp_count, strict=True
            )
        ],
    )


def _blocks(zone: Zone, order: int) -> dict[int, int]:
    counts = ((each, zone.nr_free_type(order, each)) for each in range(MIGRATE_TYPES))
    return {migratetype: count for migratetype, count in counts if count}


def _node_input(node: int, zones: list[ZoneInput]) -> NodeInput:
    own = [zone.counters for zone in zones if zone.node == node]
    cache = sum(counters["inactive_file"] for counters in own)
    return NodeInput(
        node,
        {"inactive_file": cache, "dirty": sum(counters["writepending"] for counters in own)},
    )


def _totals(zones: list[Zone], page_cache: int) -> dict[str, int]:
    present = sum(zone.present for zone in zones)
    return {
        "pagecache": page_cache,
        "present": present,
        "reserved": present - sum(zone.managed for zone in zones),
        "highmem": sum(zone.present for zone in zones if zone.name in {"HighMem", "Movable"}),
    }

"""Direct compaction: move page cache up, make room below (fact sheet 8.3, 8.4, 8.7).

Simplified: only order-0 pages on ``machine.lru`` move; each run starts afresh from both ends of
the zone; no lock contention, no partial isolation.  Suitability, deferral and the stop at a block
of the wanted order are the kernel's.
"""

from __future__ import annotations

from buddysim.mm.fragmentation import fragmentation_index
from buddysim.mm.machine import Machine
from buddysim.mm.protocols import CompactPriority, CompactResult
from buddysim.mm.request import Request
from buddysim.mm.zone import Zone

__all__ = ["LruCompaction", "compaction_suitable"]

COSTLY_ORDER = 3
DEFER_SHIFT_MAX = 6
MIGRATE_CLUSTER = 32
_ALLOC_CMA = 0x80


def compaction_suitable(
    zone: Zone, order: int, class_index: int, extfrag_threshold: int
) -> CompactResult | None:
    """SUCCESS, SKIPPED, or None to go on (8.3)."""
    mark = zone.wmark(1 if order > COSTLY_ORDER else 0)
    if zone.watermark_ok(order, mark, class_index, 0, zone.true_free):
        return CompactResult.SUCCESS
    if not zone.watermark_ok(0, mark + (2 << order), class_index, _ALLOC_CMA, zone.true_free):
        return CompactResult.SKIPPED
    if order > COSTLY_ORDER:
        index = fragmentation_index(list(zone.nr_free), order)
        if 0 <= index <= extfrag_threshold:
            return CompactResult.SKIPPED
    return None


class LruCompaction:
    """Defer state lives in ``machine.notebook`` so that a rollback restores it."""

    def compact(
        self, machine: Machine, request: Request, priority: CompactPriority
    ) -> CompactResult:
        """Compact the zones of a request's zonelist in turn; the best result."""
        best = CompactResult.SKIPPED
        for zone in machine.allocator.zonelist_of(request.gfp, request.node):
            if zone.zone_index > request.class_index:
                continue
            if priority > CompactPriority.SYNC_FULL and self._is_deferred(
                machine, zone, request.order
            ):
                best = max(best, CompactResult.DEFERRED)
                continue
            result = compaction_suitable(
                zone, request.order, request.class_index, machine.sysctl.extfrag_threshold
            )
            if result is None:
                result = self._run(machine, zone, request.order)
                if result != CompactResult.SUCCESS and priority != CompactPriority.ASYNC:
                    self._defer(machine, zone, request.order)
            best = max(best, result)
            if best == CompactResult.SUCCESS:
                break
        return best

    def deferred(self, machine: Machine, request: Request, success: bool) -> None:
        """A success forgets the deferral of the zones concerned (8.4)."""
        if not success:
            return
        for zone in machine.allocator.zonelist_of(request.gfp, request.node):
            key = _key(zone)
            _, _, failed = machine.notebook.get(key, (0, 0, 0))
            machine.notebook[key] = (0, 0, max(failed, request.order + 1))

    @staticmethod
    def _is_deferred(machine: Machine, zone: Zone, order: int) -> bool:
        considered, shift, failed = machine.notebook.get(_key(zone), (0, 0, 0))
        if order < failed or shift == 0:
            return False
        considered = min(considered + 1, 1 << shift)
        machine.notebook[_key(zone)] = (considered, shift, failed)
        return bool(considered < 1 << shift)

    @staticmethod
    def _defer(machine: Machine, zone: Zone, order: int) -> None:
        _, shift, failed = machine.notebook.get(_key(zone), (0, 0, 0))
        shift = min(shift + 1, DEFER_SHIFT_MAX)
        machine.notebook[_key(zone)] = (0, shift, min(failed, order) if failed else order)

    def _run(self, machine: Machine, zone: Zone, order: int) -> CompactResult:
        """Move LRU pages from the zone's start into free pages from its end."""
        sources = sorted(pfn for pfn in machine.lru if zone.start_pfn <= pfn < zone.end_pfn)
        target = zone.end - 1
        for moved, pfn in enumerate(sources, 1):
            target = _free_page_below(zone, target)
            if target <= pfn - zone.base:
                break
            _migrate(machine, zone, pfn - zone.base, target)
            if moved % MIGRATE_CLUSTER == 0 and zone.has_suitable_block(order, 0):
                return CompactResult.SUCCESS
        found = zone.has_suitable_block(order, 0)
        return CompactResult.SUCCESS if found else CompactResult.COMPLETE


def _key(zone: Zone) -> str:
    return f"compact_defer {zone.node} {zone.name}"


def _free_page_below(zone: Zone, index: int) -> int:
    """Highest page at or below ``index`` that is in a buddy block, or -1."""
    while index >= zone.start:
        head = zone.block_of(index)
        if head >= 0 and zone.order_of[head] >= 0:
            return index
        index -= 1
    return -1


def _migrate(machine: Machine, zone: Zone, source: int, target: int) -> None:
    zone.take_pages(target, 0)
    zone.set_movable(target, 1)
    zone.set_movable(source, 0)
    zone.free_one_page(source, 0, zone.pageblock[source >> zone.pageblock_order], False)
    machine.migrate(source + zone.base, target + zone.base)
    machine.vmstat.add("pgmigrate_success")

"""The simulated machine: zones, zonelists, policies, counters, and the allocator's front door."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from buddysim.kernel import watermark
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.pcp import pcp_sizes
from buddysim.kernel.profile import Profile, profile_of
from buddysim.mm.alloc_flags import slow_path_flags
from buddysim.mm.fallback import SCHEMES
from buddysim.mm.free_area import (
    MERGE_ALIKE,
    MERGE_ALWAYS,
    MERGE_RETAG,
    PCP_DYNAMIC,
    PCP_FIXED,
    PCP_LOW,
    PCP_SINGLE,
)
from buddysim.mm.layout import free_all, lay_out, tag_pageblocks
from buddysim.mm.page_allocator import PageAllocator
from buddysim.mm.protocols import Hooks
from buddysim.mm.request import Request
from buddysim.mm.spec import MachineSpec, Sysctl, ZoneSpec
from buddysim.mm.vmstat import VmStat
from buddysim.mm.zone import WATERMARK_RULES, Zone

if TYPE_CHECKING:
    from buddysim.mm.checkpoint import Checkpoint
    from buddysim.mm.failure import Failure
    from buddysim.mm.slow_path import SlowPath
    from buddysim.mm.state import ZoneState

__all__ = ["Machine", "MachineSpec", "Sysctl", "ZoneSpec", "build_machine"]

_PCP_RULES = {"fixed": PCP_FIXED, "low": PCP_LOW, "dynamic": PCP_DYNAMIC}
_HIGHATOMIC_RULES = {"reserve": 0, "1%+block": 1, "round-up": 2}
_MERGE_RULES = {"classic": MERGE_ALIKE, "claim": MERGE_RETAG}
_ALLOCSTALL = tuple(f"allocstall_{word}" for word in ("dma", "dma32", "normal", "high", "movable"))
_MAX_ORDER = 10
_LOWMEM_LAST = 2
_RESERVE_BLOCKS_3_13 = 2
MIGRATE_RESERVE = 3
"""Slot 3 is RESERVE in the eras that have no HIGHATOMIC."""
_NOFAIL = int(Gfp.NOFAIL)


class Machine:
    """A machine.  Build with :func:`build_machine`; GFP masks are canonical, pfns absolute."""

    def __init__(self, spec: MachineSpec, profile: Profile, allocator: PageAllocator) -> None:
        self.spec = spec
        self.profile = profile
        self.sysctl = spec.sysctl
        self.allocator = allocator
        self.hooks = Hooks()
        self.vmstat = VmStat()
        self.lru: dict[int, bool] = {}
        """Reclaimable order-0 pages, oldest first: pfn -> dirty."""
        self.clock_ns = 0
        self.notebook: dict[str, Any] = {}
        """Small state of the policies; checkpoints copy it."""
        self.last_failure: Failure | None = None
        self._flags: dict[tuple[bool, int, int, bool], int] = {}
        self.min_free_kbytes = 0
        self.has_normal_zone = any(zone.zone_index >= 2 for zone in allocator.zones)
        self.unplaced_pages = 0
        """Free pages of the start state that the layout rule could not place."""

    @property
    def zones(self) -> list[Zone]:
        """Every populated zone, by node and zone index."""
        return self.allocator.zones

    def alloc_pages(
        self,
        order: int,
        gfp: int,
        *,
        cpu: int = 0,
        node: int = 0,
        context: int = 0,
        caller: int = 0,
        request: Request | None = None,
        tried: int = 0,
        explain: bool = True,
    ) -> int:
        """Allocate 2^order pages; the block's pfn, or -1 with ``last_failure`` set.

        ``order`` >= 0; more than 10 is a failure of cause impossible-order, as in the kernel.
        ``request`` stands for all other arguments when special rights are wanted.  ``tried``: that
        it just made its first attempt in vain (1), and the one that wakes kswapd (2).
        Without ``explain``, which takes as long as the rest, ``last_failure`` may become None.
        """
        if request is None:
            request = Request(order, gfp, cpu, node, context, caller)
        request.class_index = self.allocator.class_index(request.gfp)
        request.migratetype = self.allocator.migratetype_of(request.gfp)
        if request.order > _MAX_ORDER:
            return self._refuse(request, "impossible-order")
        if self.hooks.faults.should_fail(self, request):
            return self._refuse(request, "injected")
        pfn = -1
        if not tried:
            pfn = self.allocator.alloc_fast(request.order, request.gfp, request.cpu, request.node)
        if pfn < 0:
            pfn = self.alloc_slow(request, begun=tried > 1, explain=explain)
        return pfn

    def _refuse(self, request: Request, cause: str) -> int:
        from buddysim.mm.failure import Failure

        self.last_failure = Failure(request.order, request.gfp, request.context, cause)
        return -1

    def alloc_slow(self, request: Request, *, begun: bool = False, explain: bool = True) -> int:
        """What follows a failed first attempt; pfn or -1.  ``begun``: see :class:`SlowPath`."""
        self.allocator.slow_path_entries += 1
        path = _slow_path()(self, request, begun=begun)
        pfn = path.run()
        if pfn < 0:
            self.last_failure = path.explanation() if explain else None
        return pfn

    def flags_of(self, request: Request) -> int:
        """Alloc flags of a request at the min mark, worked out once for each kind of them."""
        kind = (request.order > 0, request.gfp, request.context, request.realtime)
        flags = self._flags.get(kind)
        if flags is None:
            flags = self._flags[kind] = slow_path_flags(
                self.profile,
                request.order,
                request.gfp,
                context=request.context,
                realtime=request.realtime,
            )
        return flags

    def alloc_bulk(self, nr_pages: int, gfp: int, *, cpu: int = 0, node: int = 0) -> list[int]:
        """alloc_pages_bulk: order-0 pfns, possibly fewer than asked for."""
        pfns = self.allocator.bulk(nr_pages, gfp, cpu, node)
        if not pfns:
            pfn = self.alloc_pages(0, gfp, cpu=cpu, node=node)
            if pfn >= 0:
                pfns.append(pfn)
        return pfns

    def free_pages(self, pfn: int, order: int, cpu: int = 0) -> bool:
        """Free 2^order pages at ``pfn``; False when no zone spans it."""
        return self.allocator.free_pages(pfn, order, cpu)

    def take_pages(self, pfn: int, order: int) -> int:
        """Recorded placement; pages of the block that were free, -1 when no zone spans it."""
        return self.allocator.take_pages(pfn, order)

    def is_free(self, pfn: int) -> bool:
        """Is this page on a free list or a pcp list?"""
        return self.allocator.is_free(pfn)

    def drain_all_pages(self, cpu: int = -1) -> None:
        """Empty the pcp lists of one cpu, or of all."""
        self.allocator.drain_pages(cpu)

    def count_allocstall(self, class_index: int, entries: int = 1) -> None:
        """Direct reclaim was entered by requests of a class, under the era's counter name."""
        old = self.profile.slowpath in {"2.6.25", "2.6.32"}
        self.vmstat.add("allocstall" if old else _ALLOCSTALL[class_index], entries)

    def unreserve_highatomic(self, request: Request, force: bool) -> bool:
        """Give back one highatomic pageblock somewhere in the request's zonelist."""
        for zone in self.allocator.zonelist_of(request.gfp, request.node):
            if zone.zone_index <= request.class_index and zone.unreserve_highatomic(
                request.migratetype, force
            ):
                return True
        return False

    def explain(self, request: Request, alloc_flags: int) -> Failure:
        """The zone walk of a request at this moment, nothing changed."""
        from buddysim.mm.cause import explain_failure

        request.class_index = self.allocator.class_index(request.gfp)
        request.migratetype = self.allocator.migratetype_of(request.gfp)
        return explain_failure(self.allocator, request, alloc_flags)

    def add_reclaimable(self, pages: int, dirty_percent: int = 0) -> int:
        """Fill page cache: order-0 movable pages that reclaim may take; pages really added."""
        gfp = int(Gfp.HIGHMEM | Gfp.MOVABLE | Gfp.HARDWALL)
        added = 0
        while added < pages:
            pfn = self.allocator.alloc_fast(0, gfp, 0, 0)
            if pfn < 0:
                break
            self.lru[pfn] = added * dirty_percent // 100 != (added + 1) * dirty_percent // 100
            added += 1
        return added

    def migrate(self, old_pfn: int, new_pfn: int) -> None:
        """Tell everyone who keeps pfns that compaction moved a page."""
        if old_pfn in self.lru:
            self.lru[new_pfn] = self.lru.pop(old_pfn)
        for observer in self.hooks.observers:
            observer.migrated(old_pfn, new_pfn)

    def checkpoint(self) -> Checkpoint:
        """Start (or continue) the undo log; O(counters).  Give it to :meth:`rollback`."""
        from buddysim.mm.checkpoint import take_checkpoint

        return take_checkpoint(self)

    def rollback(self, checkpoint: Checkpoint) -> None:
        """Return to a checkpoint; O(writes since).  Later checkpoints become void."""
        checkpoint.restore(self)


@cache
def _slow_path() -> type[SlowPath]:
    """Imported where memory runs short, which in short traces it does not."""
    from buddysim.mm.slow_path import SlowPath

    return SlowPath


def build_machine(spec: MachineSpec) -> Machine:
    """Build a machine in its start state.  Raises ConfigError.  O(pages)."""
    profile = profile_of(spec.profile)
    zones = [
        _build_zone(zone, spec, profile)
        for zone in sorted(spec.zones, key=lambda zone: (zone.node, zone.zone_index))
    ]
    allocator = PageAllocator(zones, _zonelists(zones), len({zone.node for zone in zones}))
    allocator.nofragment = profile.nofragment
    allocator.has_dma32 = spec.has_dma32
    allocator.has_highmem = any(zone.zone_index == 3 for zone in zones)
    allocator.tracks_lru = True
    machine = Machine(spec, profile, allocator)
    _set_marks(machine)
    for zone, zone_spec in zip(zones, _ordered(spec), strict=True):
        machine.unplaced_pages += _fill_zone(zone, zone_spec)
        zone.settle_rules()
    for pfn, order in spec.in_use:
        machine.take_pages(pfn, order)
    return machine


def _ordered(spec: MachineSpec) -> list[ZoneSpec]:
    return sorted(spec.zones, key=lambda zone: (zone.node, zone.zone_index))


def _build_zone(zone_spec: ZoneSpec, spec: MachineSpec, profile: Profile) -> Zone:
    zone = Zone(
        zone_spec.name,
        zone_spec.node,
        zone_spec.zone_index,
        zone_spec.start_pfn,
        _extent(zone_spec, spec.pageblock_order),
        spec.pageblock_order,
        spec.ncpus,
    )
    zone.spanned = zone_spec.spanned
    zone.present = zone_spec.present or zone_spec.spanned
    zone.managed = zone_spec.managed or zone.present
    zone.watermark_rule = WATERMARK_RULES[profile.watermark_rule]
    zone.fallback_scheme = SCHEMES[profile.fallback]
    zone.highatomic_rule = _HIGHATOMIC_RULES[profile.highatomic]
    zone.tail_rule = profile.tail_rule
    zone.merge_rule = _MERGE_RULES.get(profile.fallback, MERGE_ALWAYS)
    zone.type_stored = profile.fallback != "claim"
    zone.pcp_rule = PCP_SINGLE if profile.name == "2.6.25" else _PCP_RULES[profile.pcp]
    zone.pcp_max_order = 3 if len(profile.pcp_orders) > 1 else 0
    zone.pcp_thp = spec.thp and 9 in profile.pcp_orders
    zone.boost_factor = spec.sysctl.watermark_boost_factor if profile.has_boost else 0
    zone.has_cma = zone_spec.cma_pages > 0
    zone.pcp_spares_cma = (
        zone.fallback_scheme >= SCHEMES["classic"]
        and zone.watermark_rule != WATERMARK_RULES["free-highatomic"]
    )
    return zone


def _extent(zone_spec: ZoneSpec, pageblock_order: int) -> int:
    """Pages the arrays must cover: the span less trailing holes a recording names."""
    state = zone_spec.state
    if state is None or not state.pageblocks:
        return zone_spec.spanned
    blocks = len(state.pageblocks)
    while blocks and state.pageblocks[blocks - 1] < 0:
        blocks -= 1
    first_block = zone_spec.start_pfn >> pageblock_order
    end = (first_block + blocks) << pageblock_order
    return min(zone_spec.spanned, end - zone_spec.start_pfn)


def _zonelists(zones: list[Zone]) -> list[list[Zone]]:
    """Per node: local zones high to low then the other nodes by distance; and local ones only."""
    nodes = sorted({zone.node for zone in zones})
    lists: list[list[Zone]] = []
    for node in range(nodes[-1] + 1 if nodes else 1):
        by_distance = sorted(nodes, key=lambda other: (abs(other - node), other))
        full = [
            zone
            for other in by_distance
            for zone in sorted(
                (each for each in zones if each.node == other), key=lambda each: -each.zone_index
            )
        ]
        lists.append(full)
        lists.append([zone for zone in full if zone.node == node])
    return lists


def _set_marks(machine: Machine) -> None:
    """Watermarks, reserves and pcp sizes from the formulas, where the spec does not give them."""
    profile = machine.profile
    sysctl = machine.sysctl
    specs = _ordered(machine.spec)
    lowmem = [zone for zone in machine.zones if zone.zone_index <= _LOWMEM_LAST]
    lowmem_pages = sum(_size(zone, profile) for zone in lowmem)
    min_free = sysctl.min_free_kbytes
    if min_free is None:
        kbytes = watermark.lowmem_kbytes([(_size(zone, profile), 0) for zone in lowmem])
        min_free = watermark.min_free_kbytes_default(kbytes, profile)
    machine.min_free_kbytes = min_free
    for zone, zone_spec in zip(machine.zones, specs, strict=True):
        marks = watermark.zone_watermarks(
            _size(zone, profile),
            lowmem_pages,
            min_free,
            profile,
            scale_factor=sysctl.watermark_scale_factor,
            is_lowmem=zone.zone_index <= _LOWMEM_LAST,
        )
        zone.mark_min, zone.mark_low, zone.mark_high = zone_spec.marks or marks[:3]
        zone.mark_promo = marks.promo
        zone.boost = zone_spec.boost
        _set_pcp(machine, zone)
        if machine.spec.smp_drift:
            zone.stat_threshold = watermark.stat_threshold(zone.managed, zone.nr_cpus)
    _set_reserves(machine, specs)


def _size(zone: Zone, profile: Profile) -> int:
    """The page count the era's formulas use."""
    return zone.present if profile.zone_size == "present" else zone.managed


def _set_pcp(machine: Machine, zone: Zone) -> None:
    sizes = pcp_sizes(
        zone.managed,
        zone.mark_low,
        machine.profile,
        local_cpus=zone.nr_cpus,
        high_fraction=machine.sysctl.percpu_pagelist_high_fraction,
    )
    for cpu in range(zone.nr_cpus):
        zone.pcp_batch[cpu] = sizes.batch
        zone.pcp_high[cpu] = zone.pcp_high_min[cpu] = sizes.high_min
        zone.pcp_high_max[cpu] = sizes.high_max


def _set_reserves(machine: Machine, specs: list[ZoneSpec]) -> None:
    """lowmem_reserve per node; HighMem's ratio is Normal's successor in the sysctl's order."""
    ratio = machine.sysctl.lowmem_reserve_ratio
    for node in {zone.node for zone in machine.zones}:
        managed = [0] * 5
        for zone in machine.zones:
            if zone.node == node:
                managed[zone.zone_index] = _size(zone, machine.profile)
        rows = watermark.lowmem_reserve(managed, ratio, machine.profile)
        for zone, zone_spec in zip(machine.zones, specs, strict=True):
            if zone.node == node:
                row = zone_spec.lowmem_reserve or rows[zone.zone_index]
                for index, pages in enumerate(row):
                    zone.lowmem_reserve[index] = pages


def _fill_zone(zone: Zone, zone_spec: ZoneSpec) -> int:
    """Put the start state's free blocks into a zone; pages that could not be placed."""
    if zone_spec.state is not None:
        return _load_state(zone, zone_spec.state)
    if zone_spec.pageblock_counts:
        tag_pageblocks(zone, zone_spec.pageblock_counts)
    zone.nr_reserved_highatomic = zone_spec.nr_reserved_highatomic
    if zone_spec.free_counts is None:
        if zone.highatomic_rule == _HIGHATOMIC_RULES["reserve"]:
            _set_reserve(zone)
        free_all(zone, zone.managed)
        return 0
    return lay_out(zone, zone_spec.free_counts)


def _set_reserve(zone: Zone) -> None:
    """Before 4.4: set pageblocks worth the min mark aside at the zone's start (fact sheet 6.2)."""
    block_nr_pages = 1 << zone.pageblock_order
    blocks = -(-zone.mark_min // block_nr_pages)
    if zone.fallback_scheme == SCHEMES["3.13"]:
        blocks = min(blocks, _RESERVE_BLOCKS_3_13)
    first = -(-zone.start // block_nr_pages)
    last = zone.end // block_nr_pages
    for block in range(first, min(first + blocks, last)):
        zone.pageblock[block] = MIGRATE_RESERVE


def _load_state(zone: Zone, state: ZoneState) -> int:
    """Load a snapshot, placing counted blocks where lists are missing; pages without place."""
    from buddysim.mm.state import load_zone

    load_zone(zone, state)
    if state.free_lists or not state.free_counts:
        return 0
    counts = {(order, migratetype): blocks for order, migratetype, blocks in state.free_counts}
    unplaced = lay_out(zone, counts)
    for cpu, diff in enumerate(state.free_diff):
        zone.free_diff[cpu] = diff
    zone.free = state.free
    zone.free_cma = state.free_cma
    zone.free_highatomic = state.free_highatomic
    return unplaced

"""A machine with more memory than it has, everything else as it is.

A machine without past is simply built larger.  One whose start state was recorded gets the further
pages behind its last zone, all free, as if they had been plugged in: what was in use stays in use.
Watermarks are computed anew for the larger zone; vm.min_free_kbytes stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.migratetype import MIGRATE_MOVABLE
from buddysim.mm.spec import MachineSpec, ZoneSpec
from buddysim.mm.state import HOLE, ZoneState
from buddysim.replay.retune import retuned
from buddysim.units import PAGE_SIZE

__all__ = ["has_past", "resized"]

Key = TypeVar("Key")
_BLOCK_PAGES = 1 << MAX_PAGE_ORDER


def has_past(spec: MachineSpec) -> bool:
    """Does the start state say which pages are in use?"""
    return any(zone.state is not None or zone.free_counts is not None for zone in spec.zones)


def resized(spec: MachineSpec, extra_bytes: int, total_bytes: int) -> MachineSpec:
    """``spec`` with so much more memory (whole 4 MiB blocks), ``total_bytes`` in all.

    Less than it has is possible only without past.  Raises ConfigError for an impossible size.
    """
    if not extra_bytes:
        return spec
    if not has_past(spec):
        return MachineSpec.from_mem(
            total_bytes, profile=spec.profile, ncpus=spec.ncpus, sysctl=spec.sysctl
        )
    pages = extra_bytes // PAGE_SIZE // _BLOCK_PAGES * _BLOCK_PAGES
    last = max(spec.zones, key=lambda zone: zone.start_pfn + zone.spanned)
    larger = _larger(last, pages, spec.pageblock_order)
    zones = tuple(larger if zone is last else zone for zone in spec.zones)
    return retuned(replace(spec, zones=zones), ("min_free_kbytes",))


def _larger(zone: ZoneSpec, pages: int, pageblock_order: int) -> ZoneSpec:
    begin = -(-(zone.start_pfn + zone.spanned) // _BLOCK_PAGES) * _BLOCK_PAGES
    counts, blocks = zone.free_counts, zone.pageblock_counts
    if counts is not None:
        counts = _more(counts, (MAX_PAGE_ORDER, MIGRATE_MOVABLE), pages // _BLOCK_PAGES)
    if blocks is not None:
        blocks = _more(blocks, MIGRATE_MOVABLE, pages >> pageblock_order)
    state = zone.state
    if state is not None:
        state = _larger_state(state, begin, pages, pageblock_order)
    return replace(
        zone,
        spanned=begin + pages - zone.start_pfn,
        present=(zone.present or zone.spanned) + pages,
        managed=(zone.managed or zone.present or zone.spanned) + pages,
        free_counts=counts,
        pageblock_counts=blocks,
        state=state,
    )


def _more(counts: dict[Key, int], key: Key, amount: int) -> dict[Key, int]:
    return {**counts, key: counts.get(key, 0) + amount}


def _larger_state(state: ZoneState, begin: int, pages: int, pageblock_order: int) -> ZoneState:
    first_block = state.start_pfn >> pageblock_order
    known = state.pageblocks[: (begin >> pageblock_order) - first_block]
    gap = (begin >> pageblock_order) - first_block - len(known)
    types = (*known, *[HOLE] * gap, *[MIGRATE_MOVABLE] * (pages >> pageblock_order))
    free_counts, lists = state.free_counts, state.free_lists
    if free_counts and not lists:
        key = MAX_PAGE_ORDER, MIGRATE_MOVABLE
        counts = {(order, kind): blocks for order, kind, blocks in free_counts}
        counts = _more(counts, key, pages // _BLOCK_PAGES)
        free_counts = tuple((order, kind, blocks) for (order, kind), blocks in counts.items())
    else:
        # Behind the recorded blocks: what was there is used first, as without these pages.
        fresh = tuple(range(begin, begin + pages, _BLOCK_PAGES))
        lists = (*lists, (MAX_PAGE_ORDER, MIGRATE_MOVABLE, fresh))
    return replace(
        state,
        spanned=begin + pages - state.start_pfn,
        present=state.present + pages,
        managed=state.managed + pages,
        free=state.free + pages,
        free_lists=lists,
        free_counts=free_counts,
        pageblocks=types if state.pageblocks else (),
    )

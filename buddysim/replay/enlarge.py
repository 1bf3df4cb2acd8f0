"""A machine with more memory than it has, everything else as it is.

A plain machine, as ``--mem`` makes it, is built in another size.  One whose zones or start state
were recorded or written down gets further pages behind its last zone, all free, as if they had
been plugged in: what was in use stays in use.  Recorded watermarks are computed anew for the larger
zone; vm.min_free_kbytes stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.migratetype import MIGRATE_MOVABLE
from buddysim.mm.spec import MAX_BYTES, MIN_PAGES, MachineSpec, ZoneSpec
from buddysim.mm.state import HOLE, ZoneState
from buddysim.replay.retune import retuned
from buddysim.units import PAGE_SIZE

__all__ = ["only_grows", "resized", "size_of"]

Key = TypeVar("Key")
_BLOCK_PAGES = 1 << MAX_PAGE_ORDER


def size_of(spec: MachineSpec) -> int:
    """Bytes of memory; of a plain machine those that ``--mem`` would be given."""
    end = max(zone.start_pfn + zone.spanned for zone in spec.zones) * PAGE_SIZE
    if _plain(spec, end) is not None:
        return end
    return sum(zone.present or zone.spanned for zone in spec.zones) * PAGE_SIZE


def only_grows(spec: MachineSpec) -> bool:
    """Is this more than a plain machine, so that nothing can be taken away from it?"""
    return _plain(spec, size_of(spec)) is None


def resized(spec: MachineSpec, nr_bytes: int) -> MachineSpec:
    """``spec`` with ``nr_bytes`` of memory in all, rounded down to whole 4 MiB blocks of difference
    where it only grows.  Raises ConfigError for an impossible size of a plain machine."""
    extra_bytes = nr_bytes - size_of(spec)
    if not extra_bytes:
        return spec
    if not only_grows(spec):
        plain = MachineSpec.from_mem(nr_bytes, profile=spec.profile)
        return replace(spec, zones=plain.zones, has_dma32=plain.has_dma32, origin=plain.origin)
    pages = extra_bytes // PAGE_SIZE // _BLOCK_PAGES * _BLOCK_PAGES
    last = max(spec.zones, key=lambda zone: zone.start_pfn + zone.spanned)
    larger = _larger(last, pages, spec.pageblock_order)
    zones = tuple(larger if zone is last else zone for zone in spec.zones)
    return retuned(replace(spec, zones=zones), ("min_free_kbytes",))


def _plain(spec: MachineSpec, nr_bytes: int) -> MachineSpec | None:
    """The plain machine of that size, if ``spec`` has the same zones."""
    told = any(zone.state is not None or zone.free_counts is not None for zone in spec.zones)
    if told or spec.in_use:
        return None
    if not MIN_PAGES * PAGE_SIZE <= nr_bytes <= MAX_BYTES:
        return None
    plain = MachineSpec.from_mem(nr_bytes, profile=spec.profile)
    return plain if plain.zones == spec.zones else None


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

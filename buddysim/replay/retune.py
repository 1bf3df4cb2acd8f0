"""Change the knobs of a machine whose start state was recorded.

A recording tells the watermarks, reserves and list sizes that were in force.  Writing to a sysctl
makes the kernel compute them anew from the formulas (fact sheet 3, 7.2); so does this, for those
that the setting decides, and leaves the rest as recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from buddysim.kernel import watermark
from buddysim.kernel.pcp import pcp_sizes
from buddysim.kernel.profile import Profile, profile_of
from buddysim.kernel.watermark import Watermarks
from buddysim.mm.spec import MachineSpec, ZoneSpec

if TYPE_CHECKING:
    from buddysim.mm.state import ZoneState

__all__ = ["retuned"]

_MARKS = frozenset({"min_free_kbytes", "watermark_scale_factor"})
_RESERVES = frozenset({"lowmem_reserve_ratio"})
_LISTS = frozenset({"percpu_pagelist_high_fraction"})
_LOWMEM_LAST = 2
_KBYTES_PER_PAGE = 4


def retuned(spec: MachineSpec, names: Iterable[str]) -> MachineSpec:
    """``spec`` with what the sysctls in ``names`` decide computed from ``spec.sysctl``.

    Zones that carry no recorded values are left alone: building computes theirs.
    """
    changed = frozenset(name.strip().removeprefix("vm.") for name in names)
    zones = list(spec.zones)
    if changed & _MARKS:
        zones = _with_marks(spec, zones)
    if changed & _RESERVES:
        zones = _with_reserves(spec, zones)
    if changed & (_MARKS | _LISTS):
        zones = [_with_lists(spec, zone) for zone in zones]
    return replace(spec, zones=tuple(zones))


def _with_marks(spec: MachineSpec, zones: list[ZoneSpec]) -> list[ZoneSpec]:
    profile = profile_of(spec.profile)
    lowmem = [zone for zone in zones if zone.zone_index <= _LOWMEM_LAST]
    min_free = spec.sysctl.min_free_kbytes
    if min_free is None:
        # What was in force shows in the marks themselves: the zones share it (3.2).
        min_free = sum(_recorded_min(zone) for zone in lowmem) * _KBYTES_PER_PAGE
    lowmem_pages = sum(_size(zone, profile) for zone in lowmem)
    return [_with_mark(spec, zone, profile, lowmem_pages, min_free) for zone in zones]


def _with_mark(
    spec: MachineSpec, zone: ZoneSpec, profile: Profile, lowmem_pages: int, min_free: int
) -> ZoneSpec:
    if not _is_recorded(zone):
        return zone
    marks = watermark.zone_watermarks(
        _size(zone, profile),
        lowmem_pages,
        min_free,
        profile,
        scale_factor=spec.sysctl.watermark_scale_factor,
        is_lowmem=zone.zone_index <= _LOWMEM_LAST,
    )
    state = _marked(zone.state, marks) if zone.state is not None else None
    return replace(zone, marks=(marks.min, marks.low, marks.high), state=state)


def _marked(state: ZoneState, marks: Watermarks) -> ZoneState:
    return replace(
        state,
        mark_min=marks.min,
        mark_low=marks.low,
        mark_high=marks.high,
        mark_promo=marks.promo,
    )


def _with_reserves(spec: MachineSpec, zones: list[ZoneSpec]) -> list[ZoneSpec]:
    """Reserves against requests that could have used a higher zone (2.4), node by node."""
    profile = profile_of(spec.profile)
    found = list(zones)
    for node in {zone.node for zone in zones}:
        managed = [0] * 5
        for zone in zones:
            if zone.node == node:
                managed[zone.zone_index] = _size(zone, profile)
        rows = watermark.lowmem_reserve(managed, spec.sysctl.lowmem_reserve_ratio, profile)
        found = [
            _with_reserve(zone, rows[zone.zone_index]) if zone.node == node else zone
            for zone in found
        ]
    return found


def _with_reserve(zone: ZoneSpec, row: tuple[int, ...]) -> ZoneSpec:
    if not _is_recorded(zone):
        return zone
    whole = (*row, 0, 0, 0, 0, 0)[:5]
    state = replace(zone.state, lowmem_reserve=whole) if zone.state is not None else None
    return replace(zone, lowmem_reserve=whole, state=state)


def _with_lists(spec: MachineSpec, zone: ZoneSpec) -> ZoneSpec:
    """Limits of the per-cpu lists; what is on them stays."""
    if zone.state is None:
        return zone
    sizes = pcp_sizes(
        zone.state.managed,
        zone.state.mark_low,
        profile_of(spec.profile),
        local_cpus=max(len(zone.state.pcp), 1),
        high_fraction=spec.sysctl.percpu_pagelist_high_fraction,
    )
    lists = tuple(
        replace(
            each,
            batch=sizes.batch,
            high=sizes.high_min,
            high_min=sizes.high_min,
            high_max=sizes.high_max,
        )
        for each in zone.state.pcp
    )
    return replace(zone, state=replace(zone.state, pcp=lists))


def _is_recorded(zone: ZoneSpec) -> bool:
    return zone.state is not None or zone.marks is not None


def _recorded_min(zone: ZoneSpec) -> int:
    """Pages."""
    if zone.state is not None:
        return zone.state.mark_min
    return zone.marks[0] if zone.marks is not None else 0


def _size(zone: ZoneSpec, profile: Profile) -> int:
    """The page count the era's formulas use."""
    if profile.zone_size == "present":
        return zone.present or zone.spanned
    return zone.managed or zone.present or zone.spanned

"""Machines that start in a recorded state, exactly."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from buddysim.mm.machine import Machine, MachineSpec, Sysctl, ZoneSpec, build_machine
from buddysim.source.oracle import Snapshot

__all__ = ["machine_from_snapshot", "recorded_sysctl", "spec_from_snapshot"]


def spec_from_snapshot(
    snapshot: Snapshot, profile: str, *, x86: bool, sysctl: Sysctl | None = None
) -> MachineSpec:
    """What was recorded, as a machine.  ``x86``: SMP drift, THP lists, DMA32 exist."""
    zones = tuple(
        ZoneSpec(
            name=state.name,
            start_pfn=state.start_pfn,
            spanned=state.spanned,
            node=state.node,
            present=state.present,
            managed=state.managed,
            cma_pages=state.cma_pages,
            state=state,
        )
        for state in snapshot.zones
    )
    return MachineSpec(
        zones=zones,
        profile=profile,
        sysctl=sysctl or Sysctl(),
        ncpus=len(snapshot.zones[0].pcp),
        pageblock_order=snapshot.pageblock_order,
        thp=x86,
        smp_drift=x86,
        has_dma32=x86,
        origin="snapshot of the recording",
    )


def machine_from_snapshot(
    snapshot: Snapshot, profile: str, *, x86: bool, sysctl: Sysctl | None = None
) -> Machine:
    """A machine in exactly the recorded state, zonelists included."""
    machine = build_machine(spec_from_snapshot(snapshot, profile, x86=x86, sysctl=sysctl))
    machine.allocator.tracks_lru = False
    if snapshot.zonelists:
        by_name = {(zone.node, zone.name): zone for zone in machine.zones}
        for node, names in snapshot.zonelists.items():
            full = [by_name[name] for name in names if name in by_name]
            machine.allocator.zonelists[2 * node] = full
            machine.allocator.zonelists[2 * node + 1] = [z for z in full if z.node == node]
    return machine


def recorded_sysctl(meta: dict[str, Any]) -> Sysctl:
    """The vm sysctls that a recording says were in force, as far as the model has them."""
    sysctl = Sysctl()
    known = {entry.name for entry in fields(Sysctl)}
    for name, value in meta.get("sysctl", {}).items():
        if name in known:
            sysctl = sysctl.with_value(name, value)
    return sysctl

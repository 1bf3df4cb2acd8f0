"""Pcp lists that follow a recording: the zone moves what it is told, and nothing else."""

from __future__ import annotations

import pytest

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine, MachineSpec, Sysctl, build_machine
from buddysim.mm.validate import validate_machine
from buddysim.mm.zone import Zone

KERNEL = composite("GFP_KERNEL", "6.12")
UNMOVABLE, MOVABLE = 0, 1


@pytest.fixture
def machine() -> Machine:
    spec = MachineSpec.from_mem(16 << 20, profile="6.12", sysctl=Sysctl(min_free_kbytes=512))
    machine = build_machine(spec)
    for zone in machine.zones:
        zone.pcp_told = True
    return machine


def zone_of(machine: Machine) -> Zone:
    return machine.zones[0]


def test_a_told_refill_waits_for_its_allocation(machine: Machine) -> None:
    zone = zone_of(machine)
    before = zone.true_free
    for _ in range(5):
        zone.told_refill(0, 0, UNMOVABLE)
    assert zone.true_free == before
    assert machine.alloc_pages(0, KERNEL) >= 0
    assert (zone.true_free, zone.free_pcp) == (before - 5, 4)


def test_without_a_told_refill_an_allocation_takes_only_what_it_needs(machine: Machine) -> None:
    zone = zone_of(machine)
    before = zone.true_free
    machine.alloc_pages(0, KERNEL)
    assert (zone.true_free, zone.free_pcp) == (before - 1, 0)


def test_frees_stay_on_the_pcp_list_until_a_drain_is_told(machine: Machine) -> None:
    zone = zone_of(machine)
    pfns = [machine.alloc_pages(0, KERNEL) for _ in range(500)]
    before = zone.true_free
    for pfn in pfns:
        machine.free_pages(pfn, 0)
    machine.drain_all_pages()
    assert (zone.true_free, zone.free_pcp) == (before, 500)
    assert zone.told_drain(0, 0, UNMOVABLE)
    assert (zone.true_free, zone.free_pcp) == (before + 1, 499)
    validate_machine(machine)


def test_a_drain_of_an_empty_list_takes_one_alike(machine: Machine) -> None:
    zone = zone_of(machine)
    assert not zone.told_drain(0, 0, UNMOVABLE)
    pfn = machine.alloc_pages(0, KERNEL)
    machine.free_pages(pfn, 0)
    assert zone.free_pcp == 1
    assert not zone.told_drain(0, 1, MOVABLE), "another order is not alike"
    assert zone.told_drain(0, 0, 3), "highatomic pages are filed as movable"
    assert zone.free_pcp == 0


@pytest.mark.parametrize("change", [-300, -1, 0])
def test_settling_moves_single_pages_both_ways(machine: Machine, change: int) -> None:
    zone = zone_of(machine)
    start = zone.true_free
    assert zone.settle_free(start + change, True) == 0
    assert (zone.true_free, zone.free_pcp) == (start + change, -change)
    validate_machine(machine)
    assert zone.settle_free(start, True) == 0
    assert (zone.true_free, zone.free_pcp) == (start, 0)
    validate_machine(machine)


def test_settling_says_what_it_could_not_do(machine: Machine) -> None:
    zone = zone_of(machine)
    assert zone.settle_free(zone.true_free + 7, False) == -7


def test_settling_carries_out_refills_that_nobody_asked_for(machine: Machine) -> None:
    zone = zone_of(machine)
    before = zone.true_free
    zone.told_refill(0, 2, UNMOVABLE)
    assert zone.settle_free(before - 4, True) == 0
    assert (zone.true_free, zone.free_pcp) == (before - 4, 4)
    assert not any(zone.pcp_due)
    validate_machine(machine)


def test_a_told_fallback_raises_the_boost_as_often_as_blocks_were_tried(machine: Machine) -> None:
    zone = zone_of(machine)
    zone.told_boost(0, UNMOVABLE, 9, False)
    # All free blocks here are of order 10: none below a pageblock was tried.
    assert zone.boost == 0
    zone.told_boost(0, UNMOVABLE, 5, True)
    assert zone.boost == 512
    zone.told_boost(0, MOVABLE, 2, False)
    assert zone.boost == 512, "movable requests claim nothing below half a pageblock's order"

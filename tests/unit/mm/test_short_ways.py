"""The short ways of ``rmqueue_zone`` and ``free_block`` do what the long ones do."""

from __future__ import annotations

from array import array

import pytest

from buddysim.bench.core_loop import run_allocator
from buddysim.bench.plan import build_plan
from buddysim.mm.machine import Machine, MachineSpec, build_machine
from buddysim.mm.validate import validate_machine

EVENTS = 6000


def _machine(profile: str) -> Machine:
    return build_machine(MachineSpec.from_mem(16 << 20, profile=profile))


def _after(machine: Machine, *, whole: bool = False) -> list[object]:
    """Everything a zone's requests change, after a plan was run on it, or on all the allocator."""
    plan = build_plan(EVENTS, 2000)
    held = array("q", bytes(8 * plan.nr_slots))
    zone = machine.zones[-1]
    if whole:
        failed = run_allocator(machine.allocator, plan, 0, plan.events, held)
    else:
        failed = zone.run_rows(plan.order, plan.slot, plan.migratetype, held, 0, plan.events)
    validate_machine(machine)
    lists = [list(zone.links), list(zone.order_of), list(zone.pageblock), list(zone.movable)]
    counters = [list(zone.per_cpu), list(zone.nr_free), zone.free, zone.pgfree, zone.drain_count]
    return [failed, list(held), lists, counters]


@pytest.mark.parametrize("whole", [False, True], ids=["zone", "allocator"])
@pytest.mark.parametrize("profile", ["6.12", "6.18"])
def test_a_plan_ends_alike_on_both_ways(profile: str, whole: bool) -> None:
    short, long = _machine(profile), _machine(profile)
    zone = long.zones[-1]
    zone.plain_order = zone.plain_page = -1
    assert short.zones[-1].plain_order == 3
    assert _after(short, whole=whole) == _after(long, whole=whole)


@pytest.mark.parametrize("profile", ["2.6.25", "4.4", "4.19", "6.1"])
def test_older_rules_have_no_short_way(profile: str) -> None:
    zone = _machine(profile).zones[-1]
    assert (zone.plain_order, zone.plain_page) == (-1, -1)


def test_an_undo_log_closes_the_short_way_until_it_is_off() -> None:
    machine = _machine("6.12")
    zone = machine.zones[-1]
    before = [list(zone.links), list(zone.order_of), list(zone.per_cpu)]
    token = machine.checkpoint()
    assert (zone.plain_order, zone.plain_page) == (-1, -1)
    _after(machine)
    machine.rollback(token)
    assert [list(zone.links), list(zone.order_of), list(zone.per_cpu)] == before
    zone.keep_journal(False)
    assert (zone.plain_order, zone.plain_page) == (3, 0)

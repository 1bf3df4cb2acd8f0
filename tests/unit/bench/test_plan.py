"""The made-up plan, the loops that run it, and the trace it makes."""

from __future__ import annotations

from array import array
from collections import Counter

import pytest

from buddysim.bench.core_loop import run_allocator
from buddysim.bench.lower_bound import MAX_ORDER, SplitMerge, run_bound
from buddysim.bench.plan import FREE, AllocPlan, build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.mm.machine import Machine, MachineSpec, build_machine
from buddysim.mm.validate import validate_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay

MEM = 64 << 20
EVENTS = 4000
LIVE = 2000


@pytest.fixture
def plan() -> AllocPlan:
    return build_plan(EVENTS, LIVE, drained=True)


def machine() -> Machine:
    return build_machine(MachineSpec.from_mem(MEM, profile="6.12"))


def test_a_plan_frees_only_what_is_held_and_a_drained_one_frees_it_all(plan: AllocPlan) -> None:
    held: set[int] = set()
    for order, slot in zip(plan.order, plan.slot, strict=True):
        if order == FREE:
            held.remove(slot)
        else:
            assert slot not in held
            held.add(slot)
    assert not held
    assert len(plan.gfp) == plan.events > EVENTS


def test_a_plan_is_mostly_single_pages(plan: AllocPlan) -> None:
    orders = Counter(order for order in plan.order if order != FREE)
    assert 0.85 < orders[0] / orders.total() < 0.97
    assert max(orders) == 9


def test_the_lower_bound_merges_everything_back(plan: AllocPlan) -> None:
    area = SplitMerge(MEM // 4096)
    held = array("q", bytes(8 * plan.nr_slots))
    assert run_bound(area, plan, 0, plan.events, held) == 0
    heads = sum(order == MAX_ORDER for order in area.order_of)
    assert heads << MAX_ORDER == area.size
    assert sum(order >= 0 for order in area.order_of) == heads


@pytest.mark.parametrize("direct", [True, False], ids=["zone", "allocator"])
def test_the_core_loops_leave_a_sound_machine_with_every_page_back(
    plan: AllocPlan, direct: bool
) -> None:
    model = machine()
    before = sum(zone.free for zone in model.zones)
    held = array("q", bytes(8 * plan.nr_slots))
    if direct:
        assert (
            model.zones[-1].run_rows(plan.order, plan.slot, plan.migratetype, held, 0, plan.events)
            == 0
        )
    else:
        assert run_allocator(model.allocator, plan, 0, plan.events, held) == 0
    model.drain_all_pages()
    validate_machine(model)
    assert sum(zone.free for zone in model.zones) == before


def test_more_rows_than_the_plan_has_repeat_it(plan: AllocPlan) -> None:
    wanted = 3 * plan.events - 100
    trace = PlanTrace(plan, MEM, wanted)
    batches = list(trace.batches())
    assert sum(map(len, batches)) == wanted
    assert [batch.first for batch in batches] == [0, plan.events, 2 * plan.events]
    times = [time for batch in batches for time in batch.time_ns]
    assert times == sorted(times)


@pytest.mark.parametrize("placement", ["model", "recorded"])
def test_a_plan_replays_without_a_failure_or_a_stranger(plan: AllocPlan, placement: str) -> None:
    spec = MachineSpec.from_mem(MEM, profile="6.12")
    config = ReplayConfig(machine_spec=spec, placement=placement)  # type: ignore[arg-type] # parametrised
    run = replay(PlanTrace(plan, MEM), config)
    allocations = sum(order >= 0 for order in plan.order)
    assert run.totals.attempted == run.totals.succeeded == allocations
    assert not any(run.reconciled.values())


def test_a_machine_too_small_for_the_plan_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        PlanTrace(build_plan(EVENTS, LIVE), 4 << 20)

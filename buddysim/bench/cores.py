"""Races of the allocator itself, no replay around it, against splitting and merging alone.

The seconds are the process's own: a run is short, and others use the machine.  The first quarter
of a plan runs off the clock on both sides: there memory is touched for the first time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import process_time

from buddysim.bench.core_loop import run_allocator
from buddysim.bench.lower_bound import SplitMerge, run_bound
from buddysim.bench.plan import AllocPlan, build_plan
from buddysim.bench.race import Race, Run
from buddysim.mm.machine import Machine, MachineSpec, build_machine
from buddysim.units import PAGE_SIZE, format_bytes

__all__ = ["BOUND", "bound_run", "core_races", "live_pages"]

BOUND = "split and merge alone"
_MOST_LIVE = 1 << 18
_LARGEST_BLOCK = 1024


def live_pages(mem_bytes: int) -> int:
    """How many pages a plan should hold on a machine: half of it, 1 GiB at most."""
    return min(mem_bytes // PAGE_SIZE // 2, _MOST_LIVE)


def core_races(sizes: tuple[int, ...], events: int) -> Iterator[Race]:
    """The core (one zone) and the whole allocator, on machines of these sizes in bytes."""
    for mem_bytes in sizes:
        size = format_bytes(mem_bytes)
        for name, prepare in (("core", _prepare_zone), ("allocator", _prepare_allocator)):
            yield Race(
                group="core",
                name=f"{name}, {size}",
                unit="events/s",
                work=events - _warm_up(events),
                yardstick=BOUND,
                prepare=partial(prepare, mem_bytes, events),
            )


def _prepare_zone(mem_bytes: int, events: int, _folder: Path) -> tuple[Run, Run]:
    plan, first = build_plan(events, live_pages(mem_bytes)), _warm_up(events)

    def run() -> float:
        zone = _machine(mem_bytes).zones[-1]
        held = array("q", bytes(8 * plan.nr_slots))
        zone.run_rows(plan.order, plan.slot, plan.migratetype, held, 0, first)
        started = process_time()
        zone.run_rows(plan.order, plan.slot, plan.migratetype, held, first, plan.events)
        return process_time() - started

    return run, bound_run(plan, mem_bytes, first)


def _prepare_allocator(mem_bytes: int, events: int, _folder: Path) -> tuple[Run, Run]:
    plan, first = build_plan(events, live_pages(mem_bytes)), _warm_up(events)

    def run() -> float:
        allocator = _machine(mem_bytes).allocator
        held = array("q", bytes(8 * plan.nr_slots))
        run_allocator(allocator, plan, 0, first, held)
        started = process_time()
        run_allocator(allocator, plan, first, plan.events, held)
        return process_time() - started

    return run, bound_run(plan, mem_bytes, first)


def _warm_up(events: int) -> int:
    return events // 4


def _machine(mem_bytes: int) -> Machine:
    return build_machine(MachineSpec.from_mem(mem_bytes, profile="6.12"))


def bound_run(plan: AllocPlan, mem_bytes: int, first: int = 0) -> Run:
    """The lower bound on the same plan; building the zone, and rows before ``first``, are off the
    clock."""
    pages = -(-mem_bytes // PAGE_SIZE // _LARGEST_BLOCK) * _LARGEST_BLOCK

    def run() -> float:
        area = SplitMerge(pages)
        held = array("q", bytes(8 * plan.nr_slots))
        run_bound(area, plan, 0, first, held)
        started = process_time()
        run_bound(area, plan, first, plan.events, held)
        return process_time() - started

    return run

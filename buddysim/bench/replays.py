"""Races of whole replays: by placement and machine, with and without findings; and exploring."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import process_time
from typing import Literal

from buddysim.bench.cores import BOUND, bound_run, live_pages
from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.findings.exploration import judge
from buddysim.findings.registry import find_all
from buddysim.mm.machine import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.exploration import ExploreOptions
from buddysim.replay.explore_trace import explore_trace
from buddysim.units import format_bytes

__all__ = ["explore_races", "replay_races", "replay_seconds"]

Placement = Literal["model", "recorded"]


def replay_races(sizes: tuple[int, ...], events: int) -> Iterator[Race]:
    """Model placement on machines of these sizes; findings and recorded placement on the first."""
    first = sizes[0]
    ways: list[tuple[int, Placement, bool]] = [(size, "model", False) for size in sizes]
    ways += [(first, "model", True), (first, "recorded", False), (first, "recorded", True)]
    for mem_bytes, placement, findings in ways:
        told = " and findings" if findings else ""
        yield Race(
            group="replay",
            name=f"{placement} placement{told}, {format_bytes(mem_bytes)}",
            unit="events/s",
            work=events,
            yardstick=BOUND,
            prepare=partial(_prepare_replay, mem_bytes, events, placement, findings),
        )


def _prepare_replay(
    mem_bytes: int, events: int, placement: Placement, findings: bool, _folder: Path
) -> tuple[Run, Run]:
    plan = build_plan(events, live_pages(mem_bytes))
    trace = PlanTrace(plan, mem_bytes)

    def run() -> float:
        return replay_seconds(trace, mem_bytes, placement=placement, findings=findings)

    return run, bound_run(plan, mem_bytes)


def replay_seconds(
    trace: PlanTrace, mem_bytes: int, *, placement: Placement = "model", findings: bool = False
) -> float:
    """CPU seconds of one replay from its first row on, and of the rules where wanted."""
    spec = MachineSpec.from_mem(mem_bytes, profile="6.12")
    run = replay(trace, ReplayConfig(machine_spec=spec, placement=placement))
    if findings:
        find_all(run)
    return process_time() - trace.began


def explore_races(mem_bytes: int, events: int) -> Iterator[Race]:
    """One run per failing allocation of a recording, against replaying it once per failure."""
    plan = build_plan(events, live_pages(mem_bytes) // 16)
    yield Race(
        group="explore",
        name=f"recording of {events:,} events",
        unit="runs/s",
        work=sum(order >= 0 for order in plan.order),
        yardstick="a whole replay for each run",
        prepare=partial(_prepare_explore, mem_bytes, events),
        yardstick_work=1,
    )


def _prepare_explore(mem_bytes: int, events: int, _folder: Path) -> tuple[Run, Run]:
    trace = PlanTrace(build_plan(events, live_pages(mem_bytes) // 16), mem_bytes)
    spec = MachineSpec.from_mem(mem_bytes, profile="6.12")

    def run() -> float:
        how = ExploreOptions(schedules=("transient",))
        started = process_time()
        explore_trace(lambda: trace, ReplayConfig(machine_spec=spec), how, judge, None)
        return process_time() - started

    return run, lambda: replay_seconds(trace, mem_bytes)

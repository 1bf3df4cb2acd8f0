"""Races of what runs in several processes: exploring, and comparing two replays.

The gain of more jobs is measured by the wall clock, all else by CPU seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

from buddysim.bench.cores import live_pages
from buddysim.bench.files import sample
from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.bench.replays import replay_seconds
from buddysim.findings.exploration import judge
from buddysim.mm.machine import MachineSpec
from buddysim.replay.comparison import Side, compare
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import ExploreOptions
from buddysim.replay.explore_trace import explore_trace

__all__ = ["compare_races", "cores", "explore_races"]

_BY_THE_WALL = "by the wall clock: other work on the machine counts"
_MEM = 64 << 20


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def explore_races(events: int) -> Iterator[Race]:
    """One run per failing allocation of a recording, against replaying it once per failure; then
    with a job per core against one job."""
    plan = build_plan(events, live_pages(_MEM) // 16)
    runs = sum(order >= 0 for order in plan.order)
    name = f"recording of {events:,} events"
    yield Race(
        group="explore",
        name=f"{name}, 1 job",
        unit="runs/s",
        work=runs,
        yardstick="a whole replay for each run",
        prepare=partial(_prepare_explore, events),
        yardstick_work=1,
    )
    yield Race(
        group="explore",
        name=f"{name}, {cores()} jobs",
        unit="runs/s",
        work=runs,
        yardstick="1 job",
        prepare=partial(_prepare_jobs, events),
        note=_BY_THE_WALL,
    )


def _exploring(events: int, jobs: int, clock: Callable[[], float]) -> Run:
    trace = PlanTrace(build_plan(events, live_pages(_MEM) // 16), _MEM)
    how = ExploreOptions(schedules=("transient",), jobs=jobs)

    def run() -> float:
        started = clock()
        explore_trace(lambda: trace, _small_machine(), how, judge, None)
        return clock() - started

    return run


def _small_machine() -> ReplayConfig:
    return ReplayConfig(machine_spec=MachineSpec.from_mem(_MEM, profile="6.12"))


def _prepare_explore(events: int, _folder: Path) -> tuple[Run, Run]:
    trace = PlanTrace(build_plan(events, live_pages(_MEM) // 16), _MEM)
    config = _small_machine()
    return _exploring(events, 1, process_time), lambda: replay_seconds(trace, config)


def _prepare_jobs(events: int, _folder: Path) -> tuple[Run, Run]:
    return _exploring(events, cores(), perf_counter), _exploring(events, 1, perf_counter)


def compare_races(cycles: int) -> Iterator[Race]:
    """A packed trace under two settings that make no difference: both replays and no more."""
    yield Race(
        group="compare",
        name="a packed trace twice, 2 jobs",
        unit="s",
        work=1,
        yardstick="1 job",
        prepare=partial(_prepare_compare, cycles),
        note=_BY_THE_WALL,
    )


def _prepare_compare(cycles: int, folder: Path) -> tuple[Run, Run]:
    path = str(sample(folder, "plan.bst", cycles).path)
    sides = Side(path, ReplayConfig()), Side(path, ReplayConfig(warn="silent"))

    def seconds(jobs: int) -> float:
        started = perf_counter()
        compare(*sides, jobs=jobs)
        return perf_counter() - started

    return partial(seconds, 2), partial(seconds, 1)

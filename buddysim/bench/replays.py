"""Races of whole replays: by placement and machine, with and without findings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from time import process_time
from typing import Literal, Protocol

from buddysim.bench.cores import BOUND, bound_run, live_pages
from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.findings.registry import find_all
from buddysim.mm.machine import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.source.event import Trace
from buddysim.units import format_bytes

__all__ = ["Clocked", "replay_races", "replay_seconds", "told_way"]

Placement = Literal["model", "recorded"]


class Clocked(Trace, Protocol):
    """A trace that notes when reading it began."""

    began: float
    """CPU time of the process, in seconds."""


def told_way(placement: Placement, *, findings: bool) -> str:
    """A way to replay in words."""
    return f"{placement} placement{' and findings' if findings else ''}"


def replay_races(sizes: tuple[int, ...], events: int) -> Iterator[Race]:
    """Both placements, with and without findings, on machines of these sizes in bytes."""
    placements: tuple[Placement, ...] = ("model", "recorded")
    for mem_bytes, placement, findings in product(sizes, placements, (False, True)):
        yield Race(
            group="replay",
            name=f"{told_way(placement, findings=findings)}, {format_bytes(mem_bytes)}",
            unit="events/s",
            work=events,
            yardstick=BOUND,
            prepare=partial(_prepare, mem_bytes, events, placement, findings),
        )


def _prepare(
    mem_bytes: int, events: int, placement: Placement, findings: bool, _folder: Path
) -> tuple[Run, Run]:
    trace = _trace(mem_bytes, events)
    config = ReplayConfig(
        machine_spec=MachineSpec.from_mem(mem_bytes, profile="6.12"), placement=placement
    )
    plan = build_plan(events, live_pages(mem_bytes))
    return lambda: replay_seconds(trace, config, findings=findings), bound_run(plan, mem_bytes)


@lru_cache(maxsize=1)
def _trace(mem_bytes: int, events: int) -> PlanTrace:
    return PlanTrace(build_plan(events, live_pages(mem_bytes)), mem_bytes)


def replay_seconds(trace: Clocked, config: ReplayConfig, *, findings: bool = False) -> float:
    """CPU seconds of one replay from its first row on, and of the rules where wanted."""
    run = replay(trace, config)
    if findings:
        find_all(run)
    return process_time() - trace.began

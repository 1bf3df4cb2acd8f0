"""Does an event cost the same in a long trace and on a large machine?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.bench.replays import replay_seconds
from buddysim.mm.machine import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.units import format_bytes

__all__ = ["scaling_races", "stream_seconds"]

_CYCLE = 65_536
_LIVE = 4096
_NS = 1e-9
_FIXED_COST = "what a run costs once (its samples, above all) weighs most in a short trace"
_SAME_PAGES = f"{_LIVE:,} live pages on both; what caches make of more of them: see replay"


def stream_seconds(events: int, mem_bytes: int) -> float:
    """Seconds to replay ``events`` rows that are made while they are read."""
    return replay_seconds(_trace(events, mem_bytes), _config(mem_bytes))


def _config(mem_bytes: int) -> ReplayConfig:
    return ReplayConfig(machine_spec=MachineSpec.from_mem(mem_bytes, profile="6.12"))


def _trace(events: int, mem_bytes: int) -> PlanTrace:
    """Repetitions of one drained plan: memory does not grow with their number."""
    return PlanTrace(build_plan(_CYCLE, _LIVE, drained=True), mem_bytes, events)


def scaling_races(events: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[Race]:
    """Cost per event by length of the trace (two or more), then by size of the machine."""
    for number in events[1:]:
        name = f"{number:,} events, 1G"
        yield _race(name, (number, 1 << 30), (events[0], 1 << 30), _FIXED_COST)
    number = events[1]
    for mem in sizes[1:]:
        name = f"{number:,} events, {format_bytes(mem)}"
        yield _race(name, (number, mem), (number, sizes[0]), _SAME_PAGES)


def _race(name: str, ours: tuple[int, int], other: tuple[int, int], note: str) -> Race:
    return Race(
        group="scaling",
        name=name,
        unit="ns/event",
        work=ours[0] * _NS,
        yardstick=f"{other[0]:,} events, {format_bytes(other[1])}",
        prepare=partial(_prepare, ours, other),
        yardstick_work=other[0] * _NS,
        note=note,
    )


def _prepare(ours: tuple[int, int], other: tuple[int, int], _folder: Path) -> tuple[Run, Run]:
    traces = [_trace(*each) for each in (ours, other)]
    return (
        lambda: replay_seconds(traces[0], _config(ours[1])),
        lambda: replay_seconds(traces[1], _config(other[1])),
    )

"""Does an event cost the same in a long trace and on a large machine?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from buddysim.bench.plan import build_plan
from buddysim.bench.plan_trace import PlanTrace
from buddysim.bench.race import Race, Run
from buddysim.bench.replays import replay_seconds
from buddysim.units import format_bytes

__all__ = ["SCALING_LIMIT", "scaling_races", "stream_seconds"]

SCALING_LIMIT = 1.5
"""An event may cost this many times what it costs in a short trace, on a small machine."""

_CYCLE = 65_536
_LIVE = 4096
_NS = 1e-9


def stream_seconds(events: int, mem_bytes: int) -> float:
    """Seconds to replay ``events`` rows that are made while they are read."""
    return replay_seconds(_trace(events, mem_bytes), mem_bytes)


def _trace(events: int, mem_bytes: int) -> PlanTrace:
    """Repetitions of one drained plan: memory does not grow with their number."""
    return PlanTrace(build_plan(_CYCLE, _LIVE, drained=True), mem_bytes, events)


def scaling_races(events: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[Race]:
    """Cost per event by length of the trace (two or more), then by size of the machine."""
    for number in events[1:]:
        yield _race(f"{number:,} events, 1G", (number, 1 << 30), (events[0], 1 << 30))
    number = events[1]
    for mem in sizes[1:]:
        yield _race(f"{number:,} events, {format_bytes(mem)}", (number, mem), (number, sizes[0]))


def _race(name: str, ours: tuple[int, int], other: tuple[int, int]) -> Race:
    return Race(
        group="scaling",
        name=name,
        unit="ns/event",
        work=ours[0] * _NS,
        yardstick=f"{other[0]:,} events, {format_bytes(other[1])}",
        prepare=partial(_prepare, ours, other),
        yardstick_work=other[0] * _NS,
    )


def _prepare(ours: tuple[int, int], other: tuple[int, int], _folder: Path) -> tuple[Run, Run]:
    traces = [_trace(*each) for each in (ours, other)]
    return (
        lambda: replay_seconds(traces[0], ours[1]),
        lambda: replay_seconds(traces[1], other[1]),
    )

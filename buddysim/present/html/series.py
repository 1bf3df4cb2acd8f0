"""A film of a run as the rows that charts draw, thinned to what a page can show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from buddysim.present.html.charts import Row
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import Film, Frame
from buddysim.units import format_duration

__all__ = [
    "FAILURE_POINTS_MAX",
    "Axis",
    "axis_of",
    "failure_points",
    "failure_step",
    "fragmentation_rows",
    "held_rows",
    "map_frames",
    "mark_rows",
    "order_rows",
]

FAILURE_POINTS_MAX = 400
_CROWDED_PERCENT = 80
_ORDERS = range(11)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MIGRATE_DIGITS = "012345"


@dataclass(frozen=True)
class Axis:
    """What charts are drawn along: time, or event numbers where many events share a moment."""

    title: str
    by_event: bool
    frames: tuple[Frame, ...]
    """Those with a place of their own on the axis."""

    def at(self, event: int, time_ns: int) -> float:
        """The place of an event."""
        return event if self.by_event else time_ns / 1e9


def axis_of(film: Film) -> Axis:
    """Time in seconds, unless most frames would fall on one another: hand-written traces do."""
    last_at = {frame.time_ns: frame for frame in film.frames}
    if 100 * len(last_at) < _CROWDED_PERCENT * len(film.frames):
        return Axis("event", True, tuple(film.frames))
    return Axis("time in s", False, tuple(last_at.values()))


def mark_rows(axis: Axis, zone: int) -> list[Row]:
    """Free pages and the three marks of one zone at every frame."""
    rows: list[Row] = []
    for frame in axis.frames:
        look = frame.zones[zone]
        levels = {"free": look.free, "high": look.high, "low": look.low, "min": look.min}
        place = axis.at(frame.event, frame.time_ns)
        rows.extend({"at": place, "pages": pages, "line": name} for name, pages in levels.items())
    return rows


def order_rows(axis: Axis) -> list[Row]:
    """Pages of all zones in free blocks of each order at every frame."""
    return [
        {
            "at": axis.at(frame.event, frame.time_ns),
            "order": str(order),
            "pages": sum(zone.nr_free[order] for zone in frame.zones) << order,
        }
        for frame in axis.frames
        for order in _ORDERS
    ]


def fragmentation_rows(axis: Axis) -> list[Row]:
    """Share of free memory in blocks too small for each order, from frame to frame."""
    rows: list[Row] = []
    for frame, after in pairwise(axis.frames):
        blocks = [sum(zone.nr_free[order] for zone in frame.zones) for order in _ORDERS]
        free = sum(count << order for order, count in enumerate(blocks))
        for order in _ORDERS[1:]:
            fitting = sum(blocks[at] << at for at in range(order, 11))
            unusable = 1 - fitting / free if free else 0.0
            rows.append(
                {
                    "start": axis.at(frame.event, frame.time_ns),
                    "end": axis.at(after.event, after.time_ns),
                    "order": str(order),
                    "unusable": round(unusable, 3),
                }
            )
    return rows


def held_rows(axis: Axis, document: Mapping[str, Any]) -> list[Row]:
    """Pages held by the report's largest callers at each of its samples."""
    samples = document["samples"]
    if not axis.by_event:
        # Of samples that share a moment the last one counts.
        last_at = {sample["time_ns"]: place for place, sample in enumerate(samples)}
        places = sorted(last_at.values())
    else:
        places = list(range(len(samples)))
    return [
        {
            "at": axis.at(samples[place]["event"], samples[place]["time_ns"]),
            "caller": row["caller"],
            "pages": row["pages"][place],
        }
        for row in document["occupancy"]
        for place in places
        if axis.by_event or samples[place]["event"]
    ]


def failure_step(failures: int) -> int:
    """Every how many of the failures one is drawn."""
    return -(-failures // FAILURE_POINTS_MAX) or 1


def failure_points(failures: Sequence[FailureRow], axis: Axis, zone: int) -> list[Row]:
    """Failures at the height of the zone's free pages; evenly thinned to FAILURE_POINTS_MAX."""
    step = failure_step(len(failures))
    rows: list[Row] = []
    at = 0
    for failure in failures[::step]:
        while at + 1 < len(axis.frames) and axis.frames[at + 1].event <= failure.event:
            at += 1
        place = axis.at(failure.event, failure.time_ns)
        pages = axis.frames[at].zones[zone].free
        rows.append({"at": place, "pages": pages, "origin": failure.origin})
    return rows


def map_frames(film: Film) -> str:
    """The memory map's frames as JSON that is safe inside a script element."""
    frames = [
        {
            "label": _label(frame),
            "types": "".join(_MIGRATE_DIGITS[mt] for z in frame.zones for mt in z.cell_types),
            "used": "".join(_DIGITS[share] for z in frame.zones for share in z.cell_used),
        }
        for frame in film.frames
    ]
    return json.dumps(frames, separators=(",", ":")).replace("<", "\\u003c")


def _label(frame: Frame) -> str:
    free = sum(zone.free for zone in frame.zones)
    return f"event {frame.event:,} at {format_duration(frame.time_ns)}: {free:,} pages free"

"""Fail each allocation of a trace in turn, every failure a replay from the start.

Exact, and as slow as it sounds: meant for hand-written traces.  For recordings choose few points
with ``--strategy site``, ``random:N`` or ``--limit``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.exploration import Attempt, Exploration, ExploreOptions, Point, choose_points
from buddysim.replay.explore_script import Judge, Progress
from buddysim.replay.outcome import RunResult
from buddysim.source.event import Trace

__all__ = ["explore_trace"]

_MAX_POINTS = 1_000_000


def explore_trace(
    reopen: Callable[[], Trace],
    config: ReplayConfig,
    options: ExploreOptions,
    judge: Judge,
    progress: Progress | None = None,
) -> Exploration:
    """Explore the trace that ``reopen`` opens.  Raises TraceError, ConfigError.

    The caller's own n-th request is failed; Ctrl-C leaves what is known so far.
    """
    baseline = replay(reopen(), config)
    found = Exploration(baseline, options, _points(baseline))
    chosen = choose_points(found.points, options)
    try:
        for number, point in enumerate(chosen, 1):
            for schedule in options.schedules:
                found.attempts.append(_attempt(reopen(), config, point, schedule, judge))
            if progress is not None:
                progress(number * len(options.schedules), len(chosen) * len(options.schedules))
            if options.until_first and any(each.judged for each in found.attempts):
                break
    except KeyboardInterrupt:
        found.interrupted = True
    return found


def _points(baseline: RunResult) -> list[Point]:
    points: list[Point] = []
    for stats in sorted(baseline.callers, key=lambda each: each.caller):
        shape = stats.shapes[0] if stats.shapes else None
        if shape is None or any(sign in stats.caller for sign in ",="):
            continue
        room = _MAX_POINTS - len(points)
        points += [
            Point(len(points) + nth, stats.caller, nth, shape.first.line, shape.order, shape.gfp)
            for nth in range(1, min(stats.attempted, room) + 1)
        ]
    return points


def _attempt(
    trace: Trace, config: ReplayConfig, point: Point, schedule: str, judge: Judge
) -> Attempt:
    word = "nth" if schedule == "transient" else "from"
    fault = f"caller={point.caller},{word}={point.nth}"
    run = replay(trace, replace(config, faults=(*config.faults, fault)))
    rows = [row for row in run.failures if row.origin == "injected"]
    text = rows[0].plausibility if rows else ""
    return Attempt(point, schedule, judge(run), text, run.events, "end")

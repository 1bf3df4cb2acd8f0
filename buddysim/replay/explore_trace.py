"""Fail each allocation of a trace in turn: a recording in one pass, a script by full replays.

Recordings are explored by turning aside from one pass (``explore_recording.py``), several processes
each taking every so-many-th point.  Hand-written traces are short, and their callers' later
statements depend on what failed, so each failure is a replay from the start; so is it where the
run has other faults, or the recording's own placement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from fnmatch import fnmatchcase

from buddysim.errors import ConfigError, ValidationError
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.exploration import (
    SCHEDULES,
    Attempt,
    Coverage,
    Exploration,
    ExploreOptions,
    Point,
    choose_points,
)
from buddysim.replay.explore_recording import RecordingExplorer, can_be_failed
from buddysim.replay.explore_script import Judge, Progress
from buddysim.replay.life import Course
from buddysim.replay.outcome import CallerStats, RunResult
from buddysim.replay.point_picker import PointPicker
from buddysim.replay.shares import Share, in_processes
from buddysim.source.event import Trace
from buddysim.source.script import ScriptTrace

__all__ = ["explore_trace"]

_MAX_POINTS = 1_000_000
_TOLD_EVERY = 256
_NOFAIL = int(Gfp.NOFAIL)

Reopen = Callable[[], Trace]


def explore_trace(
    reopen: Reopen,
    config: ReplayConfig,
    options: ExploreOptions,
    judge: Judge,
    progress: Progress | None = None,
) -> Exploration:
    """Explore the trace that ``reopen`` opens.  Raises TraceError, ConfigError, ValidationError.

    The caller's own n-th request is failed; Ctrl-C leaves what is known so far.
    """
    trace = reopen()
    baseline = replay(trace, config)
    in_full = isinstance(trace, ScriptTrace) or config.placement != "model" or bool(config.faults)
    if not in_full:
        return _Recording(reopen, config, options, judge, baseline).explore(progress)
    if options.jobs != 1 or options.horizon != ExploreOptions().horizon:
        raise ConfigError(
            "--jobs or --horizon where each failure is a full replay",
            expected="a recording in model placement without --fault, or a script in Python",
        )
    return _in_full(reopen, config, options, judge, baseline, progress)


def _in_full(
    reopen: Reopen,
    config: ReplayConfig,
    options: ExploreOptions,
    judge: Judge,
    baseline: RunResult,
    progress: Progress | None,
) -> Exploration:
    again = replay(reopen(), config)
    if again.digest != baseline.digest:
        raise ValidationError(f"two equal runs differ: {baseline.digest} and {again.digest}")
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


def _first_of_each_course(shares: list[Share]) -> list[Attempt]:
    """What one process would have kept: processes do not know of each other's courses."""
    told = [pair for share in shares for pair in share.attempts]
    told.sort(key=lambda pair: (pair[1].point.number, SCHEDULES.index(pair[1].schedule)))
    first: dict[Course, Attempt] = {}
    for course, attempt in told:
        first.setdefault(course, attempt)
    return list(first.values())


def _may_fail(stats: CallerStats) -> int:
    """A caller's requests that worked in the recording and may fail at all."""
    plain = sum(shape.attempted for shape in stats.shapes if not shape.gfp & _NOFAIL)
    return plain - stats.failed_observed


class _Recording:
    """The exploration of a recording, in one process or several."""

    def __init__(
        self,
        reopen: Reopen,
        config: ReplayConfig,
        options: ExploreOptions,
        judge: Judge,
        baseline: RunResult,
    ) -> None:
        self.reopen = reopen
        self.config = config
        self.options = options
        self.judge = judge
        self.baseline = baseline
        self.points = {stats.caller: _may_fail(stats) for stats in baseline.callers}
        self.chosen = sum(
            points
            for caller, points in self.points.items()
            if fnmatchcase(caller, options.caller) and can_be_failed(caller)
        )

    def explore(self, progress: Progress | None) -> Exploration:
        """Live through every part's share and put together what was found."""
        expected = PointPicker(self.options, self.chosen).expected * len(self.options.schedules)
        done = 0
        shares: list[Share] = []
        telling = in_processes(self._part, self.options.jobs)
        told = next(telling, None)
        while told is not None:
            try:
                if isinstance(told, Share):
                    shares.append(told)
                else:
                    done += told
                    if progress is not None:
                        progress(done, max(expected, done))
                told = next(telling, None)
            except KeyboardInterrupt:
                told = telling.throw(KeyboardInterrupt())
        return self._together(shares)

    def _part(self, part: int) -> Generator[int | Share, None, None]:
        """Runs done since the last time, now and then; in the end this part's share."""
        options = self.options
        picker = PointPicker(options, self.chosen, part, options.jobs)
        explorer = RecordingExplorer(self.reopen(), self.config, options, self.judge, picker)
        fresh, interrupted = 0, False
        try:
            for runs in explorer.explore():
                fresh += runs
                if fresh >= _TOLD_EVERY:
                    yield fresh
                    fresh = 0
                if options.until_first and any(each.judged for _, each in explorer.attempts):
                    break
        except KeyboardInterrupt:
            interrupted = True
        yield fresh
        yield Share(
            explorer.attempts,
            explorer.failed_points,
            explorer.life.ends,
            explorer.digest,
            interrupted,
        )

    def _together(self, shares: list[Share]) -> Exploration:
        found = Exploration(self.baseline, self.options)
        for share in shares:
            if share.digest and share.digest != self.baseline.digest:
                raise ValidationError(
                    f"the pass that failures were undone in ended as {share.digest}, "
                    f"the run without failures as {self.baseline.digest}"
                )
            found.interrupted |= share.interrupted
        found.attempts = _first_of_each_course(shares)
        ends = sum((share.ends for share in shares), Counter[str]())
        found.counted_ends = dict(sorted(ends.items()))
        for caller, points in self.points.items():
            failed = sum(share.failed_points.get(caller, 0) for share in shares)
            runs = failed * len(self.options.schedules)
            found.counted[caller] = Coverage(points, failed, runs)
        return found

"""Fail each allocation of a Python scenario in turn.

The scenario runs once more without faults; just before each chosen request the process forks, and
the child lives through the failure.  A forked process is a checkpoint that copies nothing, and the
way up to the failure is never walked twice.

A child is followed until the failing call has ended and then until either everything its callers
can see equals the run without faults at the same number of ended calls, or ``horizon`` operations
are over.  In the first case nothing later can change the verdict: a transient run goes on as the
run without faults, and a persistent one as the persistent run of a later point.

A call that begins with everything it depends on as at an earlier call of the same caller fares the
same: where the earlier one converged at its own end, its verdict is taken over.
"""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import isgeneratorfunction
from typing import Any, BinaryIO

from buddysim.fault.plan import FaultDecision, FaultPlan
from buddysim.fault.spec import FaultSpec
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.activation import Activation
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import (
    Attempt,
    Exploration,
    ExploreOptions,
    Point,
    choose_points,
)
from buddysim.replay.fingerprint import CALLS_AHEAD, fingerprint, start_print
from buddysim.replay.outcome import RunResult
from buddysim.replay.run import Site
from buddysim.replay.run_script import finish_run, set_up
from buddysim.replay.scenario import load_scenario
from buddysim.replay.schedule import Schedule, Task

__all__ = ["Judge", "Progress", "explore_script"]

Judge = Callable[[RunResult], Any]
"""Turns a finished run into something that pickles; runs in the child."""
Progress = Callable[[int, int], None]
"""Told (runs done, runs in all)."""

_NOFAIL = int(Gfp.NOFAIL)


class _Forced:
    """Fails the next request, or every one from now on, after what the run's own plan fails."""

    def __init__(self, plan: FaultPlan, schedule: str) -> None:
        self.plan = plan
        self.persistent = schedule == "persistent"
        self.done = False

    def should_fail(self, order: int, gfp: int, *rest: Any, **options: Any) -> FaultDecision | None:
        """As ``FaultPlan.should_fail``."""
        wanted = not gfp & _NOFAIL and options.get("size_bytes") is None
        if wanted and (self.persistent or not self.done):
            self.done = True
            return FaultDecision(FaultSpec("explore", "event"), ())
        return self.plan.should_fail(order, gfp, *rest, **options)


_Place = tuple[str, int]
"""After so many ended calls, or before everything that is due at a time."""


def next_lull(schedule: Schedule, last: int) -> int:
    """When the next task is due if nothing is left to do before, else ``last``."""
    heap = schedule.heap
    return heap[0].time_ns if heap and heap[0].time_ns > schedule.stage.now_ns else last


class _Counted:
    """A run without faults, with its points and the fingerprint after every call."""

    def __init__(self, path: str, config: ReplayConfig) -> None:
        self.schedule = set_up(load_scenario(path, config), config)
        self.points: list[Point] = []
        self.calls = 0
        self.prints: dict[_Place, bytes | None] = {}
        self.schedule.stage.before_request = self._count
        self.schedule.after_call = self._ended
        calls = self.schedule
        lull = -1
        while calls.heap:
            calls.step()
            lull = next_lull(calls, lull)
            if calls.heap and lull == calls.heap[0].time_ns:
                self.prints[("time", lull)] = fingerprint(calls)
        self.result = finish_run(self.schedule.stage.run)

    def _count(self, site: Site) -> None:
        if site.gfp & _NOFAIL:
            return
        point = _point_at(self.schedule, site, len(self.points) + 1)
        self.points.append(point)

    def _ended(self, _act: Activation) -> None:
        self.calls += 1
        self.prints[("calls", self.calls)] = fingerprint(self.schedule)


def _point_at(schedule: Schedule, site: Site, number: int) -> Point:
    run = schedule.stage.run
    nth = run.tally.attempts.get(site.caller, 0) + 1
    name = run.tables.callers[site.caller]
    return Point(number, name, nth, site.seen.line, site.order, site.gfp)


def explore_script(
    path: str,
    config: ReplayConfig,
    options: ExploreOptions,
    judge: Judge,
    progress: Progress | None = None,
) -> Exploration:
    """Explore a scenario.  Raises TraceError, ConfigError; Ctrl-C leaves what is known so far."""
    counted, again = _Counted(path, config), _Counted(path, config)
    found = Exploration(counted.result, options, counted.points)
    found.unstable = _differences(counted.points, again.points)
    chosen = choose_points(counted.points, options)
    explorer = _Explorer(path, config, found, counted.prints, judge)
    explorer.explore(chosen, progress)
    found.attempts.sort(key=lambda each: (each.point.number, each.schedule != "transient"))
    return found


def _differences(one: Sequence[Point], two: Sequence[Point]) -> dict[str, str]:
    unstable: dict[str, str] = {}
    for name in sorted({point.caller for point in (*one, *two)}):
        shapes = [
            [(each.line, each.order, each.gfp) for each in points if each.caller == name]
            for points in (one, two)
        ]
        if shapes[0] != shapes[1]:
            counts = f"{len(shapes[0])} requests, then {len(shapes[1])}"
            same = len(shapes[0]) == len(shapes[1])
            unstable[name] = "other requests than before" if same else counts
    return unstable


_MemoKey = tuple[bytes, int, str]


class _Memo:
    """Verdicts by how a call began, which of its requests was failed, and the schedule."""

    def __init__(self, schedule: Schedule, baseline: RunResult) -> None:
        self.schedule = schedule
        self.usable = not baseline.totals.failed
        """Natural failures depend on the machine, which the prints leave out."""
        self.start: bytes | None = None
        self.starts: dict[int, tuple[bytes | None, int]] = {}
        self.requests = 0
        self.attempts: dict[_MemoKey, Attempt] = {}

    def begin(self, task: Task) -> None:
        """A call begins."""
        self.start = start_print(self.schedule, task) if self.usable else None

    def step(self) -> None:
        """The running call makes its next request."""
        act = self.schedule.stage.acting
        start, requests = self.starts.get(act.serial, (self.start, 0))
        self.starts[act.serial] = start, requests + 1

    def key(self, schedule: str) -> _MemoKey | None:
        """Of the request being made; None when nothing is known about it."""
        start, requests = self.starts[self.schedule.stage.acting.serial]
        if start is None or self.schedule.stage.looked_around:
            return None
        return start, requests, schedule

    def known(self, schedule: str) -> Attempt | None:
        """The verdict of an equal failure."""
        key = self.key(schedule)
        return self.attempts.get(key) if key is not None else None

    def learn(self, key: _MemoKey | None, attempt: Attempt) -> None:
        """Remember a verdict that holds wherever the call begins alike."""
        if key is not None and attempt.end == "converged at once":
            self.attempts.setdefault(key, attempt)


class _Explorer:
    """The parent's walk, and in a child the one failure it lives through."""

    def __init__(
        self,
        path: str,
        config: ReplayConfig,
        found: Exploration,
        prints: dict[_Place, bytes | None],
        judge: Judge,
    ) -> None:
        self.schedule = set_up(load_scenario(path, config), config)
        self.found = found
        self.options = found.options
        self.prints = prints
        self.judge = judge
        self.wanted: set[int] = set()
        self.number = 0
        self.calls = 0
        self.children: list[tuple[int, BinaryIO, Point, str]] = []
        self.keys: dict[int, _MemoKey | None] = {}
        self.out = -1
        """In a child: where its account goes."""
        self.began = 0
        self.failing: Activation | None = None
        self.persistent = False
        self.whole = False
        """The failing call's start print covers everything, not only what it can reach."""
        self.calls_at_fork = 0
        self.over = ""
        self.progress: Progress | None = None
        self.memo = _Memo(self.schedule, found.baseline)
        self.done = 0
        self.total = 0

    def explore(self, chosen: Sequence[Point], progress: Progress | None) -> None:
        """The walk.  Children leave by ``os._exit`` and never return from here."""
        self.wanted = {point.number for point in chosen}
        self.total = len(chosen) * len(self.options.schedules)
        self.progress = progress
        stage = self.schedule.stage
        stage.before_request, self.schedule.after_call = self._before, self._ended
        self.schedule.before_call = self.memo.begin
        gc.collect()
        gc.freeze()
        try:
            self._walk()
            while self.children:
                self._collect()
        except KeyboardInterrupt:
            if self.out >= 0:
                os._exit(1)
            self.found.interrupted = True
            self._abandon()
        finally:
            gc.unfreeze()

    def _walk(self) -> None:
        try:
            while self.schedule.heap and not self.over and (self.out >= 0 or self.wanted):
                self.schedule.step()
                if self.out >= 0 and self.failing is None and not self.over:
                    self._look_at_lull()
                if self.failing is None and self.out >= 0 and self._followed() >= self._horizon():
                    self.over = "horizon"
        except BaseException as error:
            if self.out < 0:
                raise
            self._send({"trouble": f"{type(error).__name__}: {error}"})
        if self.out >= 0:
            self._report()

    def _horizon(self) -> int:
        return self.options.horizon

    def _followed(self) -> int:
        return self.schedule.stage.run.result.events - self.began

    # Parent.

    def _before(self, site: Site) -> None:
        if self.out >= 0 or site.gfp & _NOFAIL:
            return
        self.number += 1
        self.memo.step()
        if self.number not in self.wanted:
            return
        self.wanted.discard(self.number)
        point = _point_at(self.schedule, site, self.number)
        for schedule in self.options.schedules:
            known = self.memo.known(schedule)
            if known is not None:
                self._take(replace(known, point=point, end="equal"))
                continue
            while len(self.children) >= max(self.options.jobs, 1):
                self._collect()
            if self.options.until_first and any(each.judged for each in self.found.attempts):
                self.wanted.clear()
                return
            if self._fork(point, schedule):
                return

    def _fork(self, point: Point, schedule: str) -> bool:
        """Start a child; True in it."""
        inlet, outlet = os.pipe()
        pid = os.fork()
        if pid:
            os.close(outlet)
            self.children.append((pid, os.fdopen(inlet, "rb"), point, schedule))
            self.keys[pid] = self.memo.key(schedule)
            return False
        os.close(inlet)
        self.out = outlet
        self.failing = self.schedule.stage.acting
        self.whole = isgeneratorfunction(self.failing.spec.body)
        self.calls_at_fork = self.calls
        run = self.schedule.stage.run
        self.began = run.result.events
        run.plan = _Forced(run.plan, schedule)  # type: ignore[assignment]  # same question
        self.persistent = schedule == "persistent"
        return True

    def _collect(self) -> None:
        pid, pipe, point, schedule = self.children.pop(0)
        with pipe:
            told = pipe.read()
        os.waitpid(pid, 0)
        account = pickle.loads(told) if told else {"trouble": "the run died"}
        attempt = Attempt(point=point, schedule=schedule, **{"judged": None, **account})
        self.memo.learn(self.keys.pop(pid), attempt)
        self._take(attempt)

    def _take(self, attempt: Attempt) -> None:
        self.found.attempts.append(attempt)
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _abandon(self) -> None:
        for pid, pipe, _point, _schedule in self.children:
            pipe.close()
            os.waitpid(pid, 0)
        self.children.clear()

    # Child.

    def _ended(self, act: Activation) -> None:
        self.calls += 1
        if self.out < 0:
            return
        own = act is self.failing
        if own:
            self.failing = None
        if self.failing is not None or (self.persistent and not self.options.is_complete):
            return
        if self._equal(("calls", self.calls)):
            self.over = "converged at once" if own else "converged"

    def _look_at_lull(self) -> None:
        """Calls may have ended in another order: compare between two times as well."""
        if self.persistent and not self.options.is_complete:
            return
        due = next_lull(self.schedule, -1)
        if due >= 0 and self._equal(("time", due)):
            soon = self.whole and self.calls - self.calls_at_fork <= CALLS_AHEAD
            self.over = "converged at once" if soon else "converged"

    def _equal(self, place: _Place) -> bool:
        expected = self.prints.get(place)
        return expected is not None and expected == fingerprint(self.schedule)

    def _report(self) -> None:
        run = self.schedule.stage.run
        rows = [row for row in run.result.failures if row.origin == "injected"]
        followed = self._followed()
        try:
            judged = self.judge(finish_run(run))
        except Exception as error:
            self._send({"trouble": f"{type(error).__name__}: {error}"})
        self._send(
            {
                "judged": judged,
                "plausibility": rows[0].plausibility if rows else "",
                "followed": followed,
                "end": self.over or "end",
            }
        )

    def _send(self, account: dict[str, Any]) -> None:
        with os.fdopen(self.out, "wb") as pipe:
            pickle.dump(account, pipe, pickle.HIGHEST_PROTOCOL)
        os._exit(0)

"""Fail each allocation of a Python scenario in turn.

The scenario runs once more without faults; just before each chosen request the process forks, and
the child lives through the failure (``aftermath.py``, which says when nothing new can come of it).
A forked process is a checkpoint that copies nothing, and the way up to the failure is never walked
twice.  A call that begins with everything it depends on as at an earlier call of the same caller
fares the same: where the earlier one left no trace, its verdict holds again
(``explore_memo.py``).
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.activation import Activation
from buddysim.replay.aftermath import Account, Aftermath, Known, is_lull
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import (
    Attempt,
    Exploration,
    ExploreOptions,
    Judge,
    Point,
    Progress,
    choose_points,
)
from buddysim.replay.explore_memo import Memo, MemoKey
from buddysim.replay.fingerprint import Eyes
from buddysim.replay.run import Site
from buddysim.replay.run_script import finish_run, set_up
from buddysim.replay.scenario import load_scenario
from buddysim.replay.schedule import Schedule
from buddysim.replay.territory import territories

__all__ = ["Judge", "Progress", "explore_script"]

_BEYOND = 8
"""Runs of a schedule that are followed beyond the horizon, so that others may join them."""
_HIGH = 2
_NOFAIL = int(Gfp.NOFAIL)


class _Counted:
    """A run without faults, with its points."""

    def __init__(self, path: str, config: ReplayConfig) -> None:
        self.schedule = set_up(load_scenario(path, config), config)
        self.points: list[Point] = []
        self.spare = 1 << 40
        """Pages above the high marks, when they were fewest."""
        self.schedule.stage.before_request = self._count
        self.schedule.after_call = self._ended
        while self.schedule.heap:
            self.schedule.step()
            self._look()
        self.result = finish_run(self.schedule.stage.run)

    def _count(self, site: Site) -> None:
        if not site.gfp & _NOFAIL:
            self.points.append(_point_at(self.schedule, site, len(self.points) + 1))

    def _ended(self, _act: Activation) -> None:
        zones = self.schedule.stage.run.machine.zones
        above = sum(max(zone.free - zone.wmark(_HIGH), 0) for zone in zones)
        self.spare = min(self.spare, above)

    def _look(self) -> None:
        """After each step."""


class _Watched(_Counted):
    """A second run without faults, with its states."""

    def __init__(self, path: str, config: ReplayConfig, eyes: Eyes) -> None:
        self.eyes = eyes
        self.states: set[bytes] = set()
        self.calls = 0
        self.looked = 0
        super().__init__(path, config)

    def _ended(self, _act: Activation) -> None:
        self.calls += 1

    def _look(self) -> None:
        if self.calls > self.looked or is_lull(self.schedule):
            self.looked = self.calls
            state = self.eyes.look(self.schedule)
            if state is not None:
                self.states.add(state)


def _point_at(schedule: Schedule, site: Site, number: int) -> Point:
    run = schedule.stage.run
    nth = run.tally.requests_of(site.caller) + 1
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
    counted = _Counted(path, config)
    fails = bool(counted.result.totals.failed)
    eyes = Eyes(0 if fails else counted.spare // 2, machine=fails)
    again = _Watched(path, config, eyes)
    found = Exploration(counted.result, options, counted.points)
    found.unstable = _differences(counted.points, again.points)
    chosen = choose_points(counted.points, options)
    _Explorer(path, config, found, again, judge).explore(chosen, progress)
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


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits, so that no process is forgotten or taken for another."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@dataclass(frozen=True, slots=True)
class _Child:
    """A failure that is being lived through."""

    pid: int
    pipe: BinaryIO
    point: Point
    schedule: str
    key: MemoKey | None


class _Explorer:
    """The walk through the run without faults, forking as it goes."""

    def __init__(
        self, path: str, config: ReplayConfig, found: Exploration, usual: _Watched, judge: Judge
    ) -> None:
        self.schedule = set_up(load_scenario(path, config), config)
        self.found = found
        self.options = found.options
        self.eyes = usual.eyes
        self.judge = judge
        self.known = {schedule: self._known(usual, schedule) for schedule in self.options.schedules}
        self.places = territories(self.schedule.scenario)
        self.memo = Memo(
            self.schedule,
            self.places,
            usable=not found.baseline.totals.failed,
            is_complete=self.options.is_complete,
        )
        self.wanted: set[int] = set()
        self.number = 0
        self.children: list[_Child] = []
        self.aftermath: Aftermath | None = None
        """In a child: the failure it lives through."""
        self.out = -1
        """In a child: where its account goes."""
        self.progress: Progress | None = None
        self.done = 0
        self.total = 0

    def _known(self, usual: _Watched, schedule: str) -> Known:
        """A persistent run may rely on later ones only if all of them are explored."""
        if schedule == "transient" or self.options.is_complete:
            return Known(usual.states, beyond=_BEYOND)
        return Known(frozenset(), beyond=_BEYOND)

    def explore(self, chosen: Sequence[Point], progress: Progress | None) -> None:
        """The walk.  Children leave by ``os._exit`` and never return from here."""
        self.wanted = {point.number for point in chosen}
        self.total = len(chosen) * len(self.options.schedules)
        self.progress = progress
        self.schedule.stage.before_request = self._before
        self.schedule.before_call = self.memo.begin
        gc.collect()
        gc.freeze()
        try:
            self._walk()
            while self.children:
                self._collect()
        except KeyboardInterrupt:
            self.found.interrupted = True
        finally:
            if self.out >= 0:
                os._exit(1)
            self._abandon()
            gc.unfreeze()

    def _walk(self) -> None:
        try:
            while self.schedule.heap and self.wanted:
                self.schedule.step()
                if self.aftermath is not None:
                    self._live_on(self.aftermath)
        except BaseException as error:
            if self.aftermath is None:
                raise
            self._leave(Account(trouble=f"{type(error).__name__}: {error}"))

    def _before(self, site: Site) -> None:
        if self.aftermath is not None or site.gfp & _NOFAIL:
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
            self._fork(point, schedule)
            if self.aftermath is not None:
                return

    def _fork(self, point: Point, schedule: str) -> None:
        """Start a child; in it, ``aftermath`` is set."""
        inlet, outlet = os.pipe()
        with _undisturbed():
            pid = os.fork()
            if pid:
                os.close(outlet)
                key = self.memo.key(schedule)
                self.children.append(_Child(pid, os.fdopen(inlet, "rb"), point, schedule, key))
                return
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent tells what is known so far
        os.close(inlet)
        self.out = outlet
        gc.disable()  # it would write to memory that is shared
        self.schedule.before_call = self.schedule.stage.before_request = None
        try:
            self.aftermath = Aftermath(
                self.schedule,
                self.eyes,
                self.known[schedule],
                self.places[self.schedule.stage.acting.spec.name],
                persistent=schedule == "persistent",
                horizon=self.options.horizon,
            )
        except BaseException as error:  # must not come to the caller whose request this is
            self._leave(Account(trouble=f"{type(error).__name__}: {error}"))

    def _live_on(self, aftermath: Aftermath) -> None:
        """A child's way from the end of the failing step to its own end."""
        aftermath.follow()
        self._leave(aftermath.tell(self.judge))

    def _leave(self, account: Account) -> None:
        with os.fdopen(self.out, "wb") as pipe:
            pickle.dump(account, pipe, pickle.HIGHEST_PROTOCOL)
        os._exit(0)

    def _collect(self) -> None:
        child = self.children[0]
        told = child.pipe.read()
        child.pipe.close()
        with _undisturbed():
            os.waitpid(child.pid, 0)
            self.children.pop(0)
        account = pickle.loads(told) if told else Account(trouble="the run died")
        known = self.known[child.schedule]
        known.followed.update(account.states)
        known.beyond -= account.went_beyond
        attempt = Attempt(
            child.point,
            child.schedule,
            account.judged,
            account.plausibility,
            account.followed,
            account.end,
            account.trouble,
        )
        self.memo.learn(child.key, attempt)
        self._take(attempt)

    def _take(self, attempt: Attempt) -> None:
        self.found.attempts.append(attempt)
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _abandon(self) -> None:
        """After Ctrl-C: no process is left behind."""
        for child in self.children:
            child.pipe.close()
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
        self.children.clear()

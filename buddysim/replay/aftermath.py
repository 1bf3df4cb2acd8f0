"""One failure lived through: from the request that fails to where nothing new can come of it.

Runs in a process of its own, forked off just before the request.  It ends at the first of:

* ``converged``: the scenario is in a state of the run without faults (*at once*: when the failing
  call ends).  A transient run goes on from there as that run does, and a persistent one as the
  persistent run of the next allocation, which is explored as well;
* ``joined``: it is in a state of an earlier failure's run of the same schedule, whose future was
  followed until nothing new could come of it;
* ``end``: the scenario is over;
* ``horizon``: so many operations after the failure, none of these.  Only here could a longer run
  tell more, so the first few that come this far are followed to the end of the scenario.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from buddysim.fault.plan import FaultDecision, FaultPlan
from buddysim.fault.spec import FaultSpec
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.activation import Activation
from buddysim.replay.config import ReplayConfig
from buddysim.replay.desk import WarningDesk
from buddysim.replay.exploration import Judge
from buddysim.replay.fingerprint import CALLS_AHEAD, Eyes
from buddysim.replay.outcome import WarningSummary
from buddysim.replay.run_script import finish_run
from buddysim.replay.schedule import Schedule
from buddysim.replay.territory import Territory

__all__ = ["Account", "Aftermath", "Known", "is_lull"]

_SILENT = ReplayConfig(warn="silent")
"""Nobody reads the log of one failure among thousands."""
_NOFAIL = int(Gfp.NOFAIL)


def is_lull(schedule: Schedule) -> bool:
    """Is nothing left to do before time goes on?"""
    heap = schedule.heap
    return bool(heap) and heap[0].time_ns > schedule.stage.now_ns


class _Forced:
    """Fails the next request, or every one from now on, after what the run's own plan fails."""

    def __init__(self, plan: FaultPlan, *, persistent: bool) -> None:
        self.plan = plan
        self.persistent = persistent
        self.done = False

    def should_fail(self, order: int, gfp: int, *rest: Any, **options: Any) -> FaultDecision | None:
        """As ``FaultPlan.should_fail``."""
        wanted = not gfp & _NOFAIL and options.get("size_bytes") is None
        if wanted and (self.persistent or not self.done):
            self.done = True
            return FaultDecision(FaultSpec("explore", "event"), ())
        return self.plan.should_fail(order, gfp, *rest, **options)


@dataclass(slots=True)
class Known:
    """States from which nothing new can come."""

    faultless: AbstractSet[bytes]
    """Of the run without faults; empty where the schedule may not rely on them."""
    followed: set[bytes] = field(default_factory=set)
    """Of earlier failures of the schedule, followed to the end."""
    beyond: int = 0
    """Runs that may still go beyond their horizon."""


@dataclass(slots=True)
class Account:
    """What a failure's process tells."""

    judged: Any = None
    plausibility: str = ""
    followed: int = 0
    end: str = ""
    trouble: str = ""
    states: list[bytes] = field(default_factory=list)
    """States on the way, when all that can come of them was seen."""
    went_beyond: bool = False


class Aftermath:
    """The failure of the request being made, in the process that was forked off for it.

    ``known`` is what the parent knew; ``horizon`` in operations after the failure.
    """

    def __init__(
        self,
        schedule: Schedule,
        eyes: Eyes,
        known: Known,
        place: Territory,
        *,
        persistent: bool,
        horizon: int,
    ) -> None:
        self.schedule = schedule
        self.place = place
        self.eyes = eyes
        self.known = known
        self.horizon = horizon
        self.account = Account()
        run = schedule.stage.run
        self.began = run.result.events
        self.failing = schedule.stage.acting
        self.is_running = True
        """The failing call has not ended."""
        self.calls = self.compared = 0
        self.ended: Activation | None = None
        """The call whose end was the step just made."""
        run.plan = _Forced(run.plan, persistent=persistent)  # type: ignore[assignment]  # same question
        run.desk = WarningDesk(run.machine, run.tables, _SILENT, WarningSummary("silent"))
        schedule.after_call = self._ended

    def follow(self) -> None:
        """Go on until nothing new can come."""
        while not self._is_over() and self.schedule.heap:
            self.schedule.step()
        account = self.account
        account.end = account.end or "end"
        if account.end == "horizon":
            account.states.clear()

    def tell(self, judge: Judge) -> Account:
        """The verdict."""
        run, account = self.schedule.stage.run, self.account
        rows = [row for row in run.result.failures if row.origin == "injected"]
        account.plausibility = rows[0].plausibility if rows else ""
        account.followed = self._followed()
        account.judged = judge(finish_run(run))
        return account

    def _followed(self) -> int:
        return self.schedule.stage.run.result.events - self.began

    def _ended(self, act: Activation) -> None:
        self.calls += 1
        self.ended = act
        if act is self.failing:
            self.is_running = False

    def _is_over(self) -> bool:
        """After a step: can nothing new come?"""
        ended, self.ended = self.ended, None
        if self.is_running:
            return False
        own = ended is self.failing
        if own or (self.calls > self.compared and is_lull(self.schedule)):
            self.compared = self.calls
            self._compare(own=own)
        if not self.account.end and self._followed() >= self.horizon:
            if self.known.beyond:
                self.account.went_beyond = True
            else:
                self.account.end = "horizon"
        return bool(self.account.end)

    def _compare(self, *, own: bool) -> None:
        state = self.eyes.look(self.schedule)
        if state is None:
            return
        if state in self.known.faultless:
            soon = self.calls <= CALLS_AHEAD if self.place.is_whole else own
            self.account.end = "converged at once" if soon else "converged"
        elif state in self.known.followed:
            self.account.end = "joined"
        else:
            self.account.states.append(state)

"""Virtual time for Python callers: who runs next, until nobody has anything left to do."""

from __future__ import annotations

import heapq
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import isgenerator
from types import FrameType
from typing import Any

from buddysim.caller.declaration import CallerSpec
from buddysim.caller.handle import Sleep
from buddysim.errors import BuddysimError
from buddysim.replay.activation import Activation, StoppedCaller
from buddysim.replay.ending import Ending, ending_of_exception, ending_of_return
from buddysim.replay.mm_api import Mm
from buddysim.replay.python_stage import PythonStage
from buddysim.replay.scenario import Scenario
from buddysim.replay.way_out import unwatch, watch

__all__ = ["STEP_SECONDS", "Schedule", "Task"]

STEP_SECONDS = 5.0
"""Processor time after which one uninterrupted step of a caller counts as endless."""
_STEP_LIMIT = 10_000
"""Waits after which one call counts as endless."""


@dataclass(order=True, slots=True)
class Task:
    """A call that is due, or one that waits.  Order: time, priority, then age."""

    time_ns: int
    priority: int
    serial: int
    spec: CallerSpec = field(compare=False)
    left: int = field(compare=False, default=0)
    """Calls still to come after this one."""
    act: Activation | None = field(compare=False, default=None)
    body: Generator[Any, Any, Any] | None = field(compare=False, default=None)
    waits: int = field(compare=False, default=0)


class Schedule:
    """The event heap of one run.  Ties are broken by priority, then by who was scheduled first."""

    def __init__(self, scenario: Scenario, stage: PythonStage) -> None:
        self.scenario = scenario
        self.stage = stage
        self.mm = Mm(stage)
        self.heap: list[Task] = []
        self.after_call: Callable[[Activation], None] | None = None
        """Told when a call has ended and its facts are settled."""
        self.before_call: Callable[[Task], None] | None = None
        """Told when a call is about to begin."""
        stage.after_failure = watch
        self._serial = 0
        self._calls = 0
        for spec in scenario.callers:
            self._push(Task(spec.trigger.start_ns, spec.priority, 0, spec, spec.trigger.times - 1))

    def _push(self, task: Task) -> None:
        task.serial = self._serial
        self._serial += 1
        heapq.heappush(self.heap, task)

    def run(self) -> None:
        """Everything that is due, in order."""
        while self.heap:
            self.step()

    def step(self) -> None:
        """The next call, or the next part of one."""
        task = heapq.heappop(self.heap)
        machine = self.stage.run.machine
        machine.clock_ns = max(machine.clock_ns, task.time_ns)
        if task.act is None and task.left > 0:
            due = task.time_ns + task.spec.trigger.period_ns
            self._push(Task(due, task.priority, 0, task.spec, task.left - 1))
        ending = self._part(task)
        act = task.act
        assert act is not None
        self.stage.current = None
        if ending is None:
            self._push(task)
            return
        if task.body is not None:
            task.body.close()
        task.body = None
        self.stage.ended(act, ending)
        if self.after_call is not None:
            self.after_call(act)

    def _begin(self, task: Task) -> Activation:
        caller = self.scenario.index(task.spec)
        begun = self.stage.seen(task.spec.line)
        act = Activation(task.spec, caller, self._calls, begun)
        self._calls += 1
        return act

    def _act_of(self, task: Task) -> Activation:
        if task.act is None:
            if self.before_call is not None:
                self.before_call(task)
            task.act = self._begin(task)
        self.stage.current = task.act
        return task.act

    def _part(self, task: Task) -> Ending | None:
        """Run a caller until it waits (None) or ends."""
        path, spec = self.scenario.path, task.spec
        act = self._act_of(task)
        try:
            with _step_limit(), _watching(act):
                if task.body is None:
                    value = spec.body(self.mm)
                    if not isgenerator(value):
                        return ending_of_return(value, act.return_line or spec.line)
                    task.body = value
                wish = next(task.body)
        except StopIteration as done:
            return ending_of_return(done.value, act.return_line or spec.line)
        except BuddysimError:
            raise
        except (Exception, StoppedCaller) as error:
            ending = ending_of_exception(error, path)
            error.__traceback__ = None
            return ending
        task.waits += 1
        if task.waits > _STEP_LIMIT:
            return Ending("endless", spec.line)
        task.time_ns += wish.ns if isinstance(wish, Sleep) else 0
        return None


@contextmanager
def _watching(act: Activation) -> Iterator[None]:
    """Note where a call returns in which something failed, be it before it waited or now."""
    if act.episodes:
        watch(act)
    try:
        yield
    finally:
        unwatch(act)


@contextmanager
def _step_limit() -> Iterator[None]:
    """Interrupt a step that computes for ever.  Only where signals work: in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise StoppedCaller

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, STEP_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

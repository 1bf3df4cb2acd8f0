"""Verdicts that hold again: a call that begins alike and fails alike fares alike.

Only verdicts of failures that left no trace when their call had ended are kept, so that what is
remembered is the call's own doing and nothing that came of it later.
"""

from __future__ import annotations

from buddysim.replay.exploration import Attempt
from buddysim.replay.fingerprint import start_print
from buddysim.replay.schedule import Schedule, Task

__all__ = ["Memo", "MemoKey"]

MemoKey = tuple[bytes, int, str]
"""How the call began, which of its requests was failed, and the schedule."""


class Memo:
    """Verdicts by :data:`MemoKey`.  Not ``usable`` where requests fail naturally.

    Natural failures depend on the machine, which the prints leave out.
    """

    def __init__(self, schedule: Schedule, *, usable: bool) -> None:
        self.schedule = schedule
        self.usable = usable
        self._start: bytes | None = None
        self._starts: dict[int, tuple[bytes | None, int]] = {}
        self._attempts: dict[MemoKey, Attempt] = {}

    def begin(self, task: Task) -> None:
        """A call begins."""
        self._start = start_print(self.schedule, task) if self.usable else None

    def step(self) -> None:
        """The running call makes its next request."""
        act = self.schedule.stage.acting
        start, requests = self._starts.get(act.serial, (self._start, 0))
        self._starts[act.serial] = start, requests + 1

    def key(self, schedule: str) -> MemoKey | None:
        """Of the request being made; None when nothing is known about it."""
        start, requests = self._starts[self.schedule.stage.acting.serial]
        if start is None or self.schedule.stage.looked_around:
            return None
        return start, requests, schedule

    def known(self, schedule: str) -> Attempt | None:
        """The verdict of an equal failure."""
        key = self.key(schedule)
        return self._attempts.get(key) if key is not None else None

    def learn(self, key: MemoKey | None, attempt: Attempt) -> None:
        """Remember a verdict that holds wherever the call begins alike."""
        if key is not None and attempt.end == "converged at once":
            self._attempts.setdefault(key, attempt)

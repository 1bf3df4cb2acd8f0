"""Verdicts that hold again: a call that begins alike and fails alike fares alike.

Kept are verdicts of failures that left no trace when their call had ended, so that what is
remembered is the call's own doing.  A caller that shares nothing with others depends on its own
past alone: all that comes of its failure comes of an equal one as well, for as long as it is still
called, and the earlier of the two is called longer.  What else happens in such a run is not its
doing and belongs to the failures of others.
"""

from __future__ import annotations

from collections.abc import Mapping

from buddysim.replay.exploration import Attempt
from buddysim.replay.fingerprint import start_print
from buddysim.replay.schedule import Schedule, Task
from buddysim.replay.territory import Territory

__all__ = ["Memo", "MemoKey"]

MemoKey = tuple[bytes, int, str]
"""How the call began, which of its requests was failed, and the schedule."""


class Memo:
    """Verdicts by :data:`MemoKey`.  ``is_complete``: every allocation of every caller is explored.

    Not ``usable`` where requests fail naturally: that depends on the machine, which the prints
    leave out.
    """

    def __init__(
        self,
        schedule: Schedule,
        places: Mapping[str, Territory],
        *,
        usable: bool,
        is_complete: bool,
    ) -> None:
        self.schedule = schedule
        self.places = places
        self.usable = usable
        self.is_complete = is_complete
        self._start: bytes | None = None
        self._starts: dict[int, tuple[bytes | None, int]] = {}
        self._attempts: dict[MemoKey, Attempt] = {}

    def begin(self, task: Task) -> None:
        """A call begins."""
        place = self.places[task.spec.name]
        self._start = start_print(self.schedule, task, place) if self.usable else None

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
        if key is None or attempt.trouble:
            return
        private = self.places[attempt.point.caller].is_private and self.is_complete
        if attempt.end == "converged at once" or (private and attempt.end != "horizon"):
            self._attempts.setdefault(key, attempt)

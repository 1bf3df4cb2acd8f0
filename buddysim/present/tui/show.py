"""What the live view plays: a film, the failures along it, and where it is now."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import Film, Frame

__all__ = ["SPEEDS", "Show"]

SPEEDS = (1, 2, 5, 10, 20, 50)
"""Frames a second."""


@dataclass
class Show:
    """A finished run to play back.  Positions count frames from 0."""

    title: str
    film: Film
    failures: Sequence[FailureRow]
    counters: dict[str, int] = field(default_factory=dict)
    at: int = 0
    caller: str = ""
    """Only failures of callers that contain this text are listed."""

    @property
    def frame(self) -> Frame:
        """What is shown now."""
        return self.film.frames[self.at]

    @property
    def last(self) -> int:
        """Position of the last frame."""
        return len(self.film.frames) - 1

    def move(self, frames: int) -> bool:
        """Go on (or back) and stop at the ends; False when nothing moved."""
        before = self.at
        self.at = min(max(self.at + frames, 0), self.last)
        return self.at != before

    def seek(self, text: str) -> bool:
        """Go to ``40%`` of the run or to event ``1200``; False when the text is neither."""
        number = text.strip().removesuffix("%")
        if not number.isdigit():
            return False
        if text.strip().endswith("%"):
            self.at = min(int(number), 100) * self.last // 100
        else:
            events = [frame.event for frame in self.film.frames]
            self.at = min(bisect_left(events, int(number)), self.last)
        return True

    def seen_failures(self) -> Sequence[FailureRow]:
        """Failures up to now of the callers looked for, oldest first."""
        events = [failure.event for failure in self.failures]
        seen = self.failures[: bisect_right(events, self.frame.event - 1)]
        if not self.caller:
            return seen
        return [failure for failure in seen if self.caller in failure.caller]

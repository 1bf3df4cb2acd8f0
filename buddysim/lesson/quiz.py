"""The quiz: the outcome of each request is hidden, asked for, and revealed.

Works on any trace: questions are picked from what the replay met, failures first, and spread over
the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from buddysim.lesson.step import Step

__all__ = ["ANSWERS", "Answer", "Score", "pick_questions"]

ANSWERS = {
    "w": "it works",
    "b": "below-watermark",
    "f": "fragmented",
    "m": "wrong-migratetype",
    "r": "reserved",
    "z": "zone-restricted",
    "x": "exhausted",
    "o": "impossible-order",
    "i": "injected",
}
"""Keys and what they say; all but the first are causes of failure."""

_BY_CAUSE = {cause: key for key, cause in ANSWERS.items()}


@dataclass(frozen=True)
class Answer:
    """One reply: ``points`` is 2 when right, 1 for a failure with another cause, else 0."""

    given: str
    right: str
    points: int


@dataclass
class Score:
    """Points so far; two a question."""

    points: int = 0
    asked: int = 0

    def grade(self, step: Step, key: str) -> Answer:
        """Compare a key of :data:`ANSWERS` with what happened and add its points."""
        right = right_key(step)
        if key == right:
            points = 2
        else:
            points = int(key != "w" and right != "w")
        self.points += points
        self.asked += 1
        return Answer(key, right, points)

    def line(self) -> str:
        """The score in words."""
        share = 100 * self.points // (2 * self.asked) if self.asked else 0
        return f"{self.points} of {2 * self.asked} points ({share} %)"


def right_key(step: Step) -> str:
    """The key of :data:`ANSWERS` that describes a request's outcome."""
    return _BY_CAUSE.get(step.cause, "b") if step.failed else "w"


def pick_questions(steps: Iterable[Step], limit: int = 10) -> list[Step]:
    """At most ``limit`` requests worth asking about, in order: half failures where there are.

    Runs of the same request with the same outcome give one question.
    """
    distinct: list[Step] = []
    last: tuple[object, ...] = ()
    for step in steps:
        key = (step.caller, step.order, step.gfp, step.failed, step.cause)
        if step.is_request and key != last:
            distinct.append(step)
            last = key
    failed = _spread([step for step in distinct if step.failed], (limit + 1) // 2)
    worked = _spread([step for step in distinct if not step.failed], limit - len(failed))
    return sorted(failed + worked, key=lambda step: step.number)


def _spread(steps: Sequence[Step], count: int) -> list[Step]:
    if len(steps) <= count:
        return list(steps)
    return [steps[place * len(steps) // count] for place in range(count)]

"""Act out what a caller declares to do when its allocation fails.

The steps are tried left to right until one settles the matter (script format, "ACTIONS").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["ENDLESS_RETRIES", "Requester", "Settlement", "Step", "act_out", "declares_fallback"]

ENDLESS_RETRIES = 1000
"""``retry:0`` is stopped after so many attempts, and reported as endless."""


class Step(Protocol):
    """One declared action; ``source.action.Action`` is one."""

    @property
    def verb(self) -> str:
        """drop, silent-drop, retry, fallback, vmalloc, unwind, error, ignore or succeed."""
        ...

    @property
    def number(self) -> int:
        """Retries (0 = for ever) or the fallback's order."""
        ...

    @property
    def gap_ns(self) -> int:
        """Pause before each retry."""
        ...

    @property
    def errno(self) -> str:
        """The error to end with."""
        ...


class Requester(Protocol):
    """The caller's hands: what a policy can do with the machine."""

    def ask(self, order: int) -> int:
        """Request one block of ``order`` with the failed request's mask; pfn or -1."""
        ...

    def give_back(self, pfn: int, order: int) -> None:
        """Free a block that ``ask`` gave."""
        ...

    def sleep(self, ns: int) -> None:
        """Let time pass."""
        ...

    def unwind(self) -> None:
        """Free the live members of the transaction, newest first."""
        ...


@dataclass(slots=True)
class Settlement:
    """How it ended.

    ``resolution``: retried, fallback, vmalloc, dropped, silently-dropped, error,
    succeeded-without, endless or ignored.  ``blocks`` are (pfn, order) pairs got instead.
    """

    resolution: str = "ignored"
    blocks: list[tuple[int, int]] = field(default_factory=list)
    errno: str = ""
    retries: int = 0
    unwound: bool = False


_FINAL = {
    "drop": "dropped",
    "error": "error",
    "ignore": "ignored",
    "silent-drop": "silently-dropped",
    "succeed": "succeeded-without",
}


def act_out(steps: Sequence[Step], order: int, hands: Requester) -> Settlement:
    """Carry out the steps for a failed request of ``order``; no steps means ignore.

    At most ENDLESS_RETRIES requests per retry step; fallback and vmalloc take all or nothing.
    """
    outcome = Settlement()
    for step in steps:
        if step.verb in _FINAL:
            outcome.resolution = _FINAL[step.verb]
            outcome.errno = step.errno
            return outcome
        if step.verb == "unwind":
            hands.unwind()
            outcome.unwound = True
        elif step.verb == "retry":
            if _retry(step, order, hands, outcome):
                return outcome
        elif _take_pieces(step, order, hands, outcome):
            return outcome
    return outcome


def _retry(step: Step, order: int, hands: Requester, outcome: Settlement) -> bool:
    """Ask again; True when that settles it, one way or the other."""
    for _ in range(step.number or ENDLESS_RETRIES):
        hands.sleep(step.gap_ns)
        outcome.retries += 1
        pfn = hands.ask(order)
        if pfn >= 0:
            outcome.blocks = [(pfn, order)]
            outcome.resolution = "retried"
            return True
    if step.number:
        return False
    outcome.resolution = "endless"
    return True


def _take_pieces(step: Step, order: int, hands: Requester, outcome: Settlement) -> bool:
    """Smaller blocks (fallback) or single pages (vmalloc) that add up; all or none."""
    piece = step.number if step.verb == "fallback" else 0
    piece = min(piece, order)
    blocks: list[tuple[int, int]] = []
    for _ in range(1 << (order - piece)):
        pfn = hands.ask(piece)
        if pfn < 0:
            for taken, size in reversed(blocks):
                hands.give_back(taken, size)
            return False
        blocks.append((pfn, piece))
    outcome.blocks = blocks
    outcome.resolution = "fallback" if step.verb == "fallback" else "vmalloc"
    return True


def declares_fallback(steps: Sequence[Step]) -> bool:
    """Is there a smaller or scattered attempt among the steps?"""
    return any(step.verb in {"fallback", "vmalloc"} for step in steps)

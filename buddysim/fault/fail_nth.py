"""fail-nth: fail the Nth injectable call of a task, then disarm (fact sheet 11.7)."""

from __future__ import annotations

__all__ = ["FailNth"]


class FailNth:
    """One task's counter, shared by all capabilities; each asks after its own gate.

    ``left`` is what reading the file gives: 0 = injected or never armed, above 0 = not reached.
    """

    __slots__ = ("left",)

    def __init__(self, nth: int = 0) -> None:
        self.left = nth

    def count_down(self) -> bool:
        """Count one call; True if it is the one to fail."""
        self.left -= 1
        return self.left == 0

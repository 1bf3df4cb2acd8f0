"""Which callers may be failed, by the functions on their stack (fact sheet 11.3).

The kernel compares return addresses with ranges; a trace has names, so a range becomes a glob.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["MAX_STACK_TRACE_DEPTH", "StackFilter"]

MAX_STACK_TRACE_DEPTH = 32


@dataclass(frozen=True, slots=True)
class StackFilter:
    """``require``: some frame must match; ``reject``: none may.  Empty: not asked.

    ``depth`` frames are looked at, innermost first, 0..32; with depth 0 everything is accepted.
    """

    require: str = ""
    reject: str = ""
    depth: int = MAX_STACK_TRACE_DEPTH

    def accepts(self, frames: Sequence[str]) -> bool:
        """True if a call with this stack may be failed.  O(frames)."""
        found = not self.require
        if self.depth == 0 or (found and not self.reject):
            return True
        for frame in frames[: self.depth]:
            if self.reject and fnmatchcase(frame, self.reject):
                return False
            if self.require and fnmatchcase(frame, self.require):
                found = True
        return found

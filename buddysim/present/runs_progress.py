"""One line on stderr about several replays at once; nothing when stderr is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

__all__ = ["RunsProgress"]

_EVERY_S = 0.2


class RunsProgress:
    """Told of events done by run, and of runs done; rewrites its line now and then."""

    def __init__(self, what: str, *, quiet: bool, names: Sequence[str] = ()) -> None:
        """``names`` of the runs, when there are few enough to tell them apart."""
        self._what = what
        self._names = names
        self._events: dict[int, int] = {}
        self._shown = not quiet and sys.stderr.isatty()
        self._told = 0.0
        self._begun = time.monotonic()

    def events(self, run: int, events: int) -> None:
        """A run has done so many events."""
        self._events[run] = events
        if self._names:
            parts = [f"{name} {self._events.get(i, 0):,}" for i, name in enumerate(self._names)]
            self._write(f"{', '.join(parts)} events")

    def runs(self, done: int, most: int) -> None:
        """So many runs are done, of ``most`` at the outside."""
        spent = time.monotonic() - self._begun
        left = spent * (most - done) / done if done else 0.0
        self._write(f"{done} of at most {most} runs, at most {left:.0f} s left", at_once=True)

    def close(self) -> None:
        """Take the line away."""
        if self._told:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._told = 0.0

    def _write(self, text: str, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not self._shown or (not at_once and now - self._told < _EVERY_S):
            return
        self._told = now
        sys.stderr.write(f"\r\x1b[K{self._what}: {text}")
        sys.stderr.flush()

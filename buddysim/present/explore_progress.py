"""How far an exploration is and when it will be done, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

__all__ = ["explore_progress"]

_EVERY_S = 0.5


def explore_progress(name: str, *, quiet: bool) -> Callable[[int, int], None] | None:
    """A callback for (runs done, runs in all); None when nobody looks."""
    if quiet or not sys.stderr.isatty():
        return None
    started = told = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < _EVERY_S and done < total:
            return
        told = now
        left = (now - started) * (total - done) / max(done, 1)
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\rexploring {name}: {done:,} of {total:,} runs, {left:.0f} s left {end}")
        sys.stderr.flush()

    return show

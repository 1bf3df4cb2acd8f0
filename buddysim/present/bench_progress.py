"""Which race is being run, on stderr; nothing when stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bench_progress"]


@contextmanager
def bench_progress(*, quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Yield what tells of the next race, or None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return

    def tell(done: int, total: int, name: str) -> None:
        sys.stderr.write(f"\r\x1b[K{done + 1}/{total} {name}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

"""Ctrl-C that ends a recording instead of losing it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["CtrlC"]


class CtrlC:
    """While entered, the first Ctrl-C only ends :meth:`wait`; a second one interrupts, as usual.

    KeyboardInterrupt may come between any two steps: a program that expects it only while it waits
    loses what it has when the key is hit a moment earlier or later.

    Outside the main thread, and where SIGINT is not Python's to begin with (a shell ignores it for
    what runs in the background), nothing changes.
    """

    def __init__(self) -> None:
        self.came = False
        """There was a Ctrl-C."""
        self._waiting = False
        self._former: Any = None

    def __enter__(self) -> CtrlC:
        pythons = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if pythons and threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *details: object) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def wait(self, waiting: Callable[[], object]) -> bool:
        """Call what waits, unless Ctrl-C came before; False where it came before or meanwhile.

        ``waiting`` may be interrupted just as it returns: what it returns is dropped either way.
        """
        try:
            self._waiting = True
            if not self.came:
                waiting()
            self._waiting = False
        except KeyboardInterrupt:
            self.came = True
        return not self.came

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        raising = self._waiting or self.came
        self._waiting, self.came = False, True
        if raising:
            raise KeyboardInterrupt

"""One key at a time from a terminal, one line at a time from a pipe."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["read_key"]

_END = ("\x04", "")


def read_key(stream: TextIO | None = None) -> str:
    """The next key in lower case; ``\\n`` for Enter, empty at the end of input.

    From a terminal no Enter is needed.  From a pipe a line is read and its first character
    counts.
    """
    source = sys.stdin if stream is None else stream
    if not source.isatty():
        line = source.readline()
        return (line.strip().lower() or "\n")[0] if line else ""
    key = _read_raw(source)
    if key in _END:
        return ""
    return "\n" if key in "\r\n" else key.lower()


def _read_raw(source: TextIO) -> str:
    import termios
    import tty

    handle = source.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle, termios.TCSADRAIN)  # keys typed ahead are kept
        return os.read(handle, 1).decode("ascii", "replace")
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)

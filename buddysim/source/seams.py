"""Where lines of the commonest kind come apart; a shortcut past the scanner's general way.

Each build has its own: interpreted one regular expression, compiled ``find_seams`` of
``seams.pxd``.  A shortcut gives exactly what the general way would, or nothing.
"""

from __future__ import annotations

import re
from array import array

__all__ = [
    "EVENT",
    "INTERPRETED",
    "LAST",
    "LAST_HEAD",
    "LAST_TIME",
    "NUMBER",
    "NUMBER_END",
    "SEAMS",
    "TEXT",
    "TIME",
    "TIME_NS",
    "find_seams",
    "is_repeated",
    "match_usual",
]

INTERPRETED = True
"""False where ``seams.pxd`` is compiled in."""

TIME, EVENT, TEXT, NUMBER_END = range(4)
"""Offsets of: the time, the event's name, what it tells, what follows the pfn."""
TIME_NS, NUMBER = 4, 5
"""The time, and the pfn."""
LAST, LAST_HEAD, LAST_TIME = 6, 7, 8
"""Offsets of an earlier line: its start, or -1; the ends of its head and of its time."""
SEAMS = 9

_USUAL_LINE = re.compile(
    rb"( *[^\n:\[]+\[\d+\](?: [^\s\d]\S{3,4})? +)(\d{1,9})\.(\d{6}): ( *[\w:]+: +)"
    rb"page=(\S+) pfn=0x([0-9a-f]{1,12})([^\n\r]*)\n"
)


def match_usual(data: bytes, pos: int) -> re.Match[bytes] | None:
    """A page event taken apart at once: head, seconds, us, event, page, pfn, tail; or None.

    Interpreted, one match is cheaper than ten calls.
    """
    return _USUAL_LINE.match(data, pos)


def find_seams(data: bytes, pos: int, end: int, seams: array[int]) -> int:
    """Take apart the line at ``pos``, a page event or the announcement of a call chain.

    Returns where its time ends, or 0 for any line that is the least bit different; so does the
    interpreted build for all.  Leaves ``LAST`` alone if the line's head is that of the earlier
    line, else sets it to -1.  Without a pfn ``NUMBER_END`` is the line's end.
    """
    del data, pos, end, seams
    return 0


def is_repeated(data: bytes, pos: int, end: int, earlier: int, length: int) -> bool:
    """At ``pos`` stand the same bytes as ``earlier``, at least eight and not the last ones."""
    return (
        length >= 8
        and pos + length < end
        and data[pos : pos + length] == data[earlier : earlier + length]
    )

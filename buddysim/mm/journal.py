"""What an undo record can restore.  Codes of the three-integer records (what, index, old value)."""

from __future__ import annotations

__all__ = ["JOURNAL_ENTRY", "Journal"]

JOURNAL_ENTRY = 3


class Journal:
    """Codes of the arrays of ``FreeArea``."""

    NEXT = 0
    PREV = 1
    ORDER = 2
    TYPE = 3
    MOVABLE = 4
    PAGEBLOCK = 5

"""Failures counted instead of printed: per caller, order, mask and cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buddysim.warn.failed import FailedAllocation

__all__ = ["FailureCount", "FailureCounters"]

_Key = tuple[str, int, int, str]


@dataclass(slots=True)
class FailureCount:
    """One row: failures of one caller with one order, canonical mask and cause."""

    caller: str
    order: int
    gfp: int
    cause: str
    failed: int = 0
    printed: int = 0
    suppressed: int = 0
    """Kept back by a rate limit."""
    nowarn: int = 0
    """Kept back by __GFP_NOWARN."""
    first_ns: int = 0
    last_ns: int = 0
    streak: int = 0
    """Failures since the last pause longer than the policy's."""


class FailureCounters:
    """Counts by (caller, order, gfp, cause); one dictionary access per failure."""

    def __init__(self) -> None:
        self._rows: dict[_Key, FailureCount] = {}

    def row_of(self, failed: FailedAllocation) -> FailureCount:
        """The row that a failure belongs to, made when it is the first."""
        key = (failed.caller, failed.order, failed.gfp, failed.cause)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = FailureCount(*key, first_ns=failed.time_ns)
        return row

    def rows(self) -> list[FailureCount]:
        """All rows, the most failures first, then by key."""
        return sorted(
            self._rows.values(),
            key=lambda row: (-row.failed, row.caller, row.order, row.gfp, row.cause),
        )

    def by(self, *names: str) -> dict[tuple[Any, ...], int]:
        """Failures summed over everything but the named fields (``caller``, ``order``, ``gfp``,
        ``cause``): ``by("caller", "order")``.  Raises AttributeError for another name.
        """
        sums: dict[tuple[Any, ...], int] = {}
        for row in self._rows.values():
            key = tuple(getattr(row, name) for name in names)
            sums[key] = sums.get(key, 0) + row.failed
        return dict(sorted(sums.items()))

    def per_caller(self, count: Callable[[FailureCount], int]) -> dict[str, int]:
        """``count`` of a row summed per caller, callers with 0 left out, in order of name."""
        sums: dict[str, int] = {}
        for row in self._rows.values():
            if number := count(row):
                sums[row.caller] = sums.get(row.caller, 0) + number
        return dict(sorted(sums.items()))

"""Rows read before their turn, so that a file need not be decoded twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from buddysim.source.event import EventBatch
from buddysim.source.room import Room

__all__ = ["AheadReader", "RowsAhead"]

_MOST_BYTES = 128 << 20
_OFTEN_THE_SAME = ("handle", "line", "aux")
"""Columns of recordings that mostly hold one number: kept as that number."""
_NOTHING = array("b")
_ROW_BYTES = sum(array(code).itemsize for code in EventBatch.typecodes.values())


class AheadReader(ABC):
    """What readers that can look ahead have in common; each says how it reads (``read``)."""

    _ahead: RowsAhead | None = None

    @abstractmethod
    def read(self) -> Iterator[EventBatch]:
        """Every row from the first.  Read again, rows and names have the numbers they had.

        Raises TraceError.
        """

    def copied(
        self, name: str, column: array[int], start: int, stop: int
    ) -> array[int] | memoryview[int]:
        """See ``room.Copied``: for a batch that is read now, whether or not it will be kept."""
        if self._ahead is None:
            return column[start:stop]
        return self._ahead.copied(name, column, start, stop)

    def look_ahead(self, visit: Callable[[EventBatch], None]) -> None:
        """See :class:`LooksAhead`.  Raises TraceError when the file holds no event."""
        self._ahead = RowsAhead()
        self._ahead.read(self.read(), visit)

    def expected_rows(self) -> int:
        """How many rows there are, known once they were read ahead; else 0."""
        return 0 if self._ahead is None else self._ahead.rows

    def batches(self) -> Iterator[EventBatch]:
        """Rows in their order.  Raises TraceError when the file holds no event."""
        if self._ahead is not None and self._ahead.is_whole:
            return self._ahead.take()
        return self.read()


class RowsAhead:
    """Keeps batches for later as long as they are few enough: memory is bounded."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._room = (_MOST_BYTES if most_bytes is None else most_bytes) // _ROW_BYTES
        self._kept: deque[_Kept] | None = deque()
        self._memory = Room()
        self.rows = 0
        """How many were read."""

    def read(self, batches: Iterable[EventBatch], visit: Callable[[EventBatch], None]) -> None:
        """Show every batch to ``visit``, and keep it while there is room for all so far."""
        for batch in batches:
            visit(batch)
            self.rows += len(batch)
            if self.rows > self._room:
                self._kept = None
                self._memory = Room()
            elif self._kept is not None:
                self._kept.append(_Kept(batch))

    def copied(
        self, name: str, column: array[int], start: int, stop: int
    ) -> array[int] | memoryview[int]:
        """See ``room.Copied``: in memory to stay, where the rows are likely to."""
        if self._kept is None or name in _OFTEN_THE_SAME:
            return column[start:stop]
        return self._memory.copied(column, start, stop)

    @property
    def is_whole(self) -> bool:
        """Is there every row that was read?"""
        return self._kept is not None

    def take(self) -> Iterator[EventBatch]:
        """The rows, once; their memory goes with them."""
        while self._kept:
            yield self._kept.popleft().whole()


class _Kept:
    """A batch without the columns that hold one number only."""

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch
        self._same: dict[str, array[int]] = {}
        for name in _OFTEN_THE_SAME if len(batch) else ():
            column = getattr(batch, name)
            if _is_uniform(column):
                self._same[name] = column[:1]
                setattr(batch, name, _NOTHING)

    def whole(self) -> EventBatch:
        """The batch as it was."""
        for name, number in self._same.items():
            setattr(self._batch, name, number * len(self._batch))
        return self._batch


def _is_uniform(column: array[int]) -> bool:
    """Does a column hold one number only?  Most that do not differ at their ends."""
    return column[0] == column[-1] and column == column[:1] * len(column)

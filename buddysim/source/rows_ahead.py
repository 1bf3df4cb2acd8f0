"""Rows read before their turn, so that a file need not be decoded twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from buddysim.source.columns import is_uniform, typed
from buddysim.source.event import EventBatch
from buddysim.source.room import Room
from buddysim.source.shelf import Shelf

__all__ = ["AheadReader", "RowsAhead"]

_MOST_BYTES = 128 << 20
_ROW_BYTES = sum(array(code).itemsize for code in EventBatch.typecodes.values())
_IS_UNIFORM = {code: typed(is_uniform, code) for code in set(EventBatch.typecodes.values())}


class AheadReader(ABC):
    """What readers that can look ahead have in common; each says how it reads (``read``)."""

    _ahead: RowsAhead | None = None

    @abstractmethod
    def read(self) -> Iterator[EventBatch]:
        """Every row from the first.  Read again, rows and names have the numbers they had.

        Raises TraceError.
        """

    @property
    def shelf(self) -> Shelf:
        """Where rows that are read now go."""
        return Shelf() if self._ahead is None else self._ahead

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


class RowsAhead(Shelf):
    """Keeps batches for later as long as they are few enough: memory is bounded."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_rows = (_MOST_BYTES if most_bytes is None else most_bytes) // _ROW_BYTES
        self._kept: deque[EventBatch] | None = deque()
        self._room = Room()
        self.rows = 0
        """How many were read."""

    def read(self, batches: Iterable[EventBatch], visit: Callable[[EventBatch], None]) -> None:
        """Show every batch to ``visit``, and keep it while there is room for all so far."""
        for batch in batches:
            visit(batch)
            self.rows += len(batch)
            if self.rows > self._most_rows:
                self._kept = None
                self._room = Room()
            elif self._kept is not None:
                self._kept.append(batch)

    def batch(self, first: int, rows: int) -> EventBatch:
        """One with columns that come into being late, if it is likely to be kept."""
        return super().batch(first, rows) if self._kept is None else _SparseBatch(first, rows)

    def put(
        self, batch: EventBatch, name: str, column: array[int], start: int, stop: int
    ) -> array[int] | memoryview[int] | None:
        """See :class:`Shelf`: into memory that stays, and nothing where all rows are alike."""
        if not isinstance(batch, _SparseBatch):
            return super().put(batch, name, column, start, stop)
        if start < stop and _IS_UNIFORM[column.typecode](column, start, stop):
            batch.same[name] = column[start]
            return None
        rows = self._room.copied(column, start, stop)
        setattr(batch, name, rows)
        return rows

    @property
    def is_whole(self) -> bool:
        """Is there every row that was read?"""
        return self._kept is not None

    def take(self) -> Iterator[EventBatch]:
        """The rows, once; their memory goes with them."""
        while self._kept:
            yield self._kept.popleft()


class _SparseBatch(EventBatch):
    """A batch whose columns of one number come into being when they are asked for."""

    __slots__ = ("_rows", "same")

    def __init__(self, first: int, rows: int) -> None:
        self.first = first
        self._rows = rows
        self.same: dict[str, int] = {}
        """By name of such a column, its number."""

    def __len__(self) -> int:
        return self._rows

    def __getattr__(self, name: str) -> array[int]:
        if name not in EventBatch.typecodes or name not in self.same:
            raise AttributeError(name)
        column = array(EventBatch.typecodes[name], [self.same[name]]) * self._rows
        setattr(self, name, column)
        return column

"""One number for the events of a trace, the same whatever file format holds them.

Counted in: what happened, on which cpu, order, type, mask, page, further number, caller and task
by name, time in whole microseconds (text has no more).  Left out: what only some formats have,
that is contexts, call chains, line numbers, notes of lost events, and events nobody interprets.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b

from buddysim.source.event import EventBatch, EventKind, Tables

__all__ = ["EventDigest"]

_COLUMNS = ("kind", "cpu", "order", "migratetype", "gfp", "pfn", "aux")
_UNCOUNTED = (int(EventKind.LOST), int(EventKind.OTHER))
_US = 1000


class EventDigest:
    """Takes batches in order; the result does not depend on how rows are batched."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._columns = {name: blake2b(digest_size=16) for name in _COLUMNS}
        self._times = blake2b(digest_size=16)
        self._names = {"caller": blake2b(digest_size=16), "task": blake2b(digest_size=16)}
        self._known: dict[str, list[bytes]] = {"caller": [], "task": []}

    def take(self, batch: EventBatch) -> None:
        """Count a batch in.  O(rows)."""
        kinds = set(batch.kind)
        rows = None
        if not kinds.isdisjoint(_UNCOUNTED):
            rows = [row for row, kind in enumerate(batch.kind) if kind not in _UNCOUNTED]
        for name, hasher in self._columns.items():
            hasher.update(_picked(getattr(batch, name), rows).tobytes())
        times = _picked(batch.time_ns, rows)
        self._times.update(array("q", [time // _US for time in times]).tobytes())
        for name, table in (("caller", self._tables.callers), ("task", self._tables.tasks)):
            column = _picked(getattr(batch, name), rows)
            self._names[name].update(b"".join(self._hashed(name, table, column)))

    def _hashed(self, name: str, table: list[str], column: Iterable[int]) -> Iterable[bytes]:
        known = self._known[name]
        known.extend(blake2b(text.encode(), digest_size=8).digest() for text in table[len(known) :])
        return map(known.__getitem__, column)

    def finish(self) -> str:
        """32 hexadecimal digits."""
        total = blake2b(digest_size=16)
        for hasher in (*self._columns.values(), self._times, *self._names.values()):
            total.update(hasher.digest())
        return total.hexdigest()


def _picked(column: array[int], rows: list[int] | None) -> array[int]:
    """The column, or the given rows of it."""
    if rows is None:
        return column
    return array(column.typecode, [column[row] for row in rows])

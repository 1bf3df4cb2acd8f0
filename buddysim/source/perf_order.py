"""Samples of several cpus into one order of time, with the names that threads bore then.

perf writes a FINISHED_ROUND record when it has emptied all buffers once: nothing that comes later
is older than the newest record of the round before.  So two rounds are held, not the file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from buddysim.source.caller_names import CallerNames
from buddysim.source.columns import permute, typed
from buddysim.source.event import BATCH_EVENTS, EventBatch
from buddysim.source.perf_samples import SampleScanner
from buddysim.source.shelf import Shelf
from buddysim.source.slab_pages import name_slab_pages

__all__ = ["RowOrder"]

_FOREVER = 1 << 62
_CONSTANT = ("handle", "line")
_PERMUTE = {code: typed(permute, code) for code in set(EventBatch.typecodes.values())}


class RowOrder:
    """Takes rows out of a scanner, oldest first."""

    def __init__(
        self,
        scanner: SampleScanner,
        names: CallerNames,
        unknown: str = "",
        shelf: Shelf | None = None,
    ) -> None:
        """``unknown``: the name of threads that were never named; empty: ``:TID``.

        ``shelf``: where the rows go; None: into batches like any other.
        """
        self._unknown = unknown
        self._shelf = Shelf() if shelf is None else shelf
        self._scanner = scanner
        self._names = names
        self._task_of = array("q")
        self._comm_of = array("q")
        """Task and caller index of each thread number; -1 = to be looked up."""
        self._comms: dict[int, str] = {0: "swapper"}
        self._renames: list[tuple[int, int, str, int]] = []
        """Pending (time, tid, new name or empty, parent tid)."""
        self.first = 0
        """Rows handed out so far."""

    def named(self, time_ns: int, tid: int, comm: str) -> None:
        """From that time on thread ``tid`` is called ``comm``."""
        self._renames.append((time_ns, tid, comm, 0))

    def forked(self, time_ns: int, tid: int, parent: int) -> None:
        """At that time thread ``tid`` began with the name of its parent."""
        self._renames.append((time_ns, tid, "", parent))

    def settled(self) -> Iterator[EventBatch]:
        """Rows that nothing still to come can precede, as the rounds tell."""
        yield from self.flush(self._scanner.settled)

    def flush(self, limit: int = _FOREVER) -> Iterator[EventBatch]:
        """All rows up to time ``limit``, in order; equal times keep the order of the file."""
        scanner = self._scanner
        scanner.sort()
        count = scanner.count
        times = scanner.columns["time_ns"]
        order = scanner.order_of_time
        cut = bisect_right(order, limit, 0, count, key=times.__getitem__)
        if cut:
            self._name_rows(times, cut, limit)
            for start in range(0, cut, BATCH_EVENTS):
                yield self._batch(start, min(start + BATCH_EVENTS, cut))
            if cut < count:
                for name, column in scanner.columns.items():
                    if name not in _CONSTANT:
                        rest = column[cut:count]
                        self._put_in_order(column, cut, rest)
                        column[: count - cut] = rest
            scanner.keep(count - cut)

    def _put_in_order(
        self, column: array[int], start: int, rows: array[int] | memoryview[int]
    ) -> None:
        """Make of a copy of a column's rows from ``start`` those at these places in time."""
        if self._scanner.shuffled:
            order = self._scanner.order_of_time[start : start + len(rows)]
            _PERMUTE[column.typecode](column, order, rows)

    def _batch(self, start: int, stop: int) -> EventBatch:
        batch = self._shelf.batch(self.first, stop - start)
        for name, column in self._scanner.columns.items():
            rows = self._shelf.put(batch, name, column, start, stop)
            if rows is not None and name not in _CONSTANT:
                self._put_in_order(column, start, rows)
        name_slab_pages(batch)
        self.first += len(batch)
        return batch

    def _name_rows(self, times: array[int], cut: int, limit: int) -> None:
        """Replace thread numbers by tasks, and missing callers by the thread's name then."""
        self._renames.sort(key=lambda rename: rename[0])
        due = bisect_right(self._renames, limit, key=lambda rename: rename[0])
        order = self._scanner.order_of_time
        row = 0
        for time_ns, tid, comm, parent in self._renames[:due]:
            until = bisect_left(order, time_ns, row, cut, key=times.__getitem__)
            self._name_range(row, until)
            row = until
            self._comms[tid] = comm or self._comms.get(parent) or self._nameless(parent)
            number = self._scanner.decoder.number_of(tid)
            if 0 <= number < len(self._task_of):
                self._task_of[number] = -1
        del self._renames[:due]
        self._name_range(row, cut)

    def _name_range(self, start: int, stop: int) -> None:
        """Name the rows at these places in order of time."""
        scanner = self._scanner
        while start < stop:
            start = scanner.name_rows(self._task_of, self._comm_of, start, stop)
            if start < stop:
                self._look_up(scanner.columns["task"][scanner.order_of_time[start]])

    def _nameless(self, tid: int) -> str:
        return self._unknown or f":{tid}"

    def _look_up(self, number: int) -> None:
        """Give a thread number its task and caller of now."""
        tids = self._scanner.decoder.tids
        missing = len(tids) - len(self._task_of)
        self._task_of.extend([-1] * missing)
        self._comm_of.extend([-1] * missing)
        tid = tids[number]
        comm = self._comms.get(tid) or self._nameless(tid)
        self._task_of[number] = self._names.task(comm, tid)
        self._comm_of[number] = self._names.caller(comm)

"""Samples of several cpus into one order of time, with the names that threads bore then.

perf writes a FINISHED_ROUND record when it has emptied all buffers once: nothing that comes later
is older than the newest record of the round before.  So two rounds are held, not the file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from buddysim.source.columns import fill_zeros, gather, permute, typed
from buddysim.source.decoder import CallerNames
from buddysim.source.event import BATCH_EVENTS, EventBatch
from buddysim.source.perf_samples import SampleScanner
from buddysim.source.slab_pages import name_slab_pages

__all__ = ["RowOrder"]

_FOREVER = 1 << 62
_CONSTANT = ("handle", "line")


class RowOrder:
    """Takes rows out of a scanner, oldest first."""

    def __init__(self, scanner: SampleScanner, names: CallerNames, unknown: str = "") -> None:
        """``unknown``: the name of threads that were never named; empty: ``:TID``."""
        self._unknown = unknown
        self._scanner = scanner
        self._names = names
        self._task_of = array("q")
        self._comm_of = array("q")
        """Task and caller index of each thread number; -1 = to be looked up."""
        self._comms: dict[int, str] = {0: "swapper"}
        self._renames: list[tuple[int, int, str, int]] = []
        """Pending (time, tid, new name or empty, parent tid)."""
        self._limit = -1
        self.first = 0
        """Rows handed out so far."""

    def named(self, time_ns: int, tid: int, comm: str) -> None:
        """From that time on thread ``tid`` is called ``comm``."""
        self._renames.append((time_ns, tid, comm, 0))

    def forked(self, time_ns: int, tid: int, parent: int) -> None:
        """At that time thread ``tid`` began with the name of its parent."""
        self._renames.append((time_ns, tid, "", parent))

    def finish_round(self) -> Iterator[EventBatch]:
        """Rows that nothing still to come can precede."""
        yield from self.flush(self._limit)
        self._limit = self._scanner.newest

    def flush(self, limit: int = _FOREVER) -> Iterator[EventBatch]:
        """All rows up to time ``limit``, in order; equal times keep the order of the file."""
        scanner = self._scanner
        count = scanner.count
        if scanner.sort():
            self._sort_columns(scanner.order_of_time[:count])
        times = scanner.columns["time_ns"]
        cut = bisect_right(times, limit, 0, count)
        if cut:
            self._name_rows(times, cut, limit)
            yield from self._batches(cut)
            if cut < count:
                for column in scanner.columns.values():
                    column[: count - cut] = column[cut:count]
            scanner.count = count - cut

    def _sort_columns(self, order: array[int]) -> None:
        for name, column in self._scanner.columns.items():
            if name not in _CONSTANT:
                typed(permute, column.typecode)(column[: len(order)], order, column)

    def _name_rows(self, times: array[int], cut: int, limit: int) -> None:
        """Replace thread numbers by tasks, and missing callers by the thread's name then."""
        self._renames.sort(key=lambda rename: rename[0])
        due = bisect_right(self._renames, limit, key=lambda rename: rename[0])
        row = 0
        for time_ns, tid, comm, parent in self._renames[:due]:
            until = bisect_left(times, time_ns, row, cut)
            self._name_range(row, until)
            row = until
            self._comms[tid] = comm or self._comms.get(parent) or self._nameless(parent)
            number = self._scanner.decoder.number_of(tid)
            if 0 <= number < len(self._task_of):
                self._task_of[number] = -1
        del self._renames[:due]
        self._name_range(row, cut)

    def _name_range(self, start: int, stop: int) -> None:
        if start == stop:
            return
        columns = self._scanner.columns
        numbers = columns["task"][start:stop]
        self._look_up(set(numbers))
        callers = columns["caller"][start:stop]
        tasks = array("I", bytes(4 * len(numbers)))
        typed(gather, "I", "I")(self._task_of, numbers, tasks)
        fill_zeros(self._comm_of, numbers, callers)
        columns["task"][start:stop] = tasks
        columns["caller"][start:stop] = callers

    def _nameless(self, tid: int) -> str:
        return self._unknown or f":{tid}"

    def _look_up(self, numbers: set[int]) -> None:
        """Make the palettes right for these thread numbers."""
        tids = self._scanner.decoder.tids
        missing = len(tids) - len(self._task_of)
        self._task_of.extend([-1] * missing)
        self._comm_of.extend([-1] * missing)
        for number in sorted(numbers):
            if self._task_of[number] < 0:
                tid = tids[number]
                comm = self._comms.get(tid) or self._nameless(tid)
                self._task_of[number] = self._names.task(comm, tid)
                self._comm_of[number] = self._names.caller(comm)

    def _batches(self, cut: int) -> Iterator[EventBatch]:
        for start in range(0, cut, BATCH_EVENTS):
            batch = EventBatch(self.first)
            for name, column in self._scanner.columns.items():
                setattr(batch, name, column[start : min(start + BATCH_EVENTS, cut)])
            name_slab_pages(batch)
            self.first += len(batch)
            yield batch

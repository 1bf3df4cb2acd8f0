"""A replay that stops wherever it is asked to, and tells the outcome of every stretch.

The same start, rows and order as :func:`buddysim.replay.engine.replay`, without samples and
accounts: for looking at one event closely.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import play_rows, prepare_batch, rows_of, run_of
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.recorded import RecordedRows
from buddysim.source.event import EventBatch, EventKind, Tables, Trace

__all__ = ["Stepper", "ToldEvent", "told_event"]

_ALLOC = int(EventKind.ALLOC)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """What a trace says of one event."""

    event: int
    line: int
    time_ns: int
    kind: str
    """``alloc``, ``free`` or another name of :class:`EventKind` in lower case."""
    caller: str
    task: str
    cpu: int
    order: int
    gfp: int
    """Canonical mask; 0 unless ``alloc``."""
    pfn: int
    """Recorded page; -1 for none (a failed allocation, a script)."""
    failed: bool
    """The recording says that this allocation failed."""


def told_event(batch: EventBatch, row: int, tables: Tables) -> ToldEvent:
    """One row with its names."""
    kind = batch.kind[row]
    return ToldEvent(
        batch.first + row,
        batch.line[row],
        batch.time_ns[row],
        EventKind(kind).name.lower(),
        tables.callers[batch.caller[row]],
        tables.tasks[batch.task[row]],
        batch.cpu[row],
        batch.order[row],
        batch.gfp[row] if kind == _ALLOC else 0,
        batch.pfn[row],
        kind == _ALLOC and batch.pfn[row] < 0 and batch.handle[row] < 0,
    )


class Stepper:
    """One trace on one machine, between two events.  Raises TraceError, ConfigError."""

    def __init__(self, trace: Trace, config: ReplayConfig) -> None:
        self._trace = trace
        self._run = run_of(trace, config)
        self.machine = self._run.machine
        self._rows = rows_of(self._run, trace)
        self._batches = trace.batches()
        self._batch = EventBatch()
        self._row = 0

    def play(self, events: int) -> array[int]:
        """Outcomes of the next events, as the run's digest counts them; fewer at the end."""
        outcomes = array("q")
        left = events
        while left and self._at_row():
            stop = min(self._row + left, len(self._batch))
            play_rows(self._run, self._rows, self._batch, self._row, stop)
            outcomes.frombytes(self._run.loop.results.drain().cast("B"))
            left -= stop - self._row
            self._row = stop
        return outcomes

    def next_event(self) -> ToldEvent | None:
        """What comes next; None at the end."""
        if not self._at_row():
            return None
        return told_event(self._batch, self._row, self._trace.tables)

    def failures(self, event: int) -> list[FailureRow]:
        """Failed requests of an event played last."""
        return [row for row in self._run.result.failures[-_LATEST:] if row.event == event]

    def _at_row(self) -> bool:
        """Make the next row available; False at the end."""
        while self._row == len(self._batch):
            batch = next(self._batches, None)
            if batch is None:
                return False
            prepare_batch(self._run, self._trace.meta, batch)
            if isinstance(self._rows, RecordedRows):
                self._rows.prepare(batch)
            self._batch, self._row = batch, 0
        return True


_LATEST = 2048
"""Failure rows looked through: one event may fail as often as its caller retries."""

"""Fail each allocation of a recording in turn, following each failure for some events.

One replay goes through the recording.  Before each chosen request it turns aside: the request
fails, the machine lives through the next ``horizon`` events, and an undo log takes it all back.
So a failure costs what its horizon costs, wherever in the recording it is.

Within the horizon two things can follow from a failure: what its caller is declared to do (retries,
a fallback, a drop) is acted out at once, and requests of others may fail that did not before.  A
recording goes on as recorded, so events after the horizon know of the failure only through pages
that lie elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from buddysim.fault.plan import FaultPlan
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.config import ReplayConfig
from buddysim.replay.digest import RunDigest
from buddysim.replay.engine import play_rows, prepare_batch, run_of
from buddysim.replay.exploration import Attempt, ExploreOptions, Point
from buddysim.replay.explore_script import Judge
from buddysim.replay.follow import next_request
from buddysim.replay.life import Course, Life
from buddysim.replay.point_picker import PointPicker
from buddysim.replay.recorded import RecordedRows
from buddysim.source.event import EventBatch, EventKind, Trace

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["RecordingExplorer", "can_be_failed"]

_ALLOC = int(EventKind.ALLOC)
_NOFAIL = int(Gfp.NOFAIL)
_SEPARATORS = frozenset(",=")
"""What ends a name in a fault specification."""


def can_be_failed(caller: str) -> bool:
    """Can a fault specification name this caller?"""
    return not _SEPARATORS & set(caller)


class RecordingExplorer:
    """Lives through the failures of one pass over a recording.  Raises TraceError, ConfigError."""

    def __init__(
        self,
        trace: Trace,
        config: ReplayConfig,
        options: ExploreOptions,
        judge: Judge,
        picker: PointPicker,
    ) -> None:
        self.trace = trace
        self.options = options
        self.run = run_of(trace, config)
        self._rows = _CountedRows(self.run)
        self._picker = picker
        self.life = Life(self.run, options.horizon, judge)
        self._chosen = bytearray()
        self._numbers: Counter[int] = Counter()
        """Recorded requests so far, by caller index."""
        self._considered = 0
        self.attempts: list[tuple[Course, Attempt]] = []
        """Those that showed something new, with the course of events that was new."""
        self.failed_points: dict[str, int] = {}
        """By caller."""
        self.digest = ""
        """Of the pass itself, once it is over: what the failures left behind is nothing."""

    def explore(self) -> Iterator[int]:
        """Go through the recording; yields the number of runs lived through, now and then."""
        digest = RunDigest()
        for batch, following in _with_next(self._prepared()):
            yield from self._batch(batch, following)
            digest.take(self.run.loop.results)
        self.digest = digest.finish(self.run.machine)

    def _prepared(self) -> Iterator[EventBatch]:
        for batch in self.trace.batches():
            prepare_batch(self.run, self.trace.meta, batch)
            names = self.run.tables.callers
            self._chosen += bytes(
                fnmatchcase(name, self.options.caller) and can_be_failed(name)
                for name in names[len(self._chosen) :]
            )
            yield batch

    def _batch(self, batch: EventBatch, following: EventBatch | None) -> Iterator[int]:
        done, end = 0, len(batch)
        at = next_request(batch, 0, end, self._chosen)
        while at < end:
            play_rows(self.run, self._rows, batch, done, at)
            done = at
            if self._consider(batch, at, following):
                yield len(self.options.schedules)
            at = next_request(batch, at + 1, end, self._chosen)
        play_rows(self.run, self._rows, batch, done, end)

    def _consider(self, batch: EventBatch, row: int, following: EventBatch | None) -> bool:
        caller = batch.caller[row]
        self._numbers[caller] += 1
        if batch.gfp[row] & _NOFAIL:
            return False
        self._considered += 1
        if not self._picker.picks(self._considered - 1, batch, row, self.run.machine):
            return False
        name = self.run.tables.callers[caller]
        nth = self._numbers[caller] + self._rows.unrecorded(caller)
        self.failed_points[name] = self.failed_points.get(name, 0) + 1
        for schedule in self.options.schedules:
            verdict = self.life.live(batch, row, following, schedule)
            if verdict is not None:
                point = Point(
                    self._considered, name, nth, batch.line[row], batch.order[row], batch.gfp[row]
                )
                attempt = Attempt(
                    point, schedule, verdict.judged, verdict.plausibility, end=verdict.end
                )
                self.attempts.append((verdict.course, attempt))
        return True


class _CountedRows(RecordedRows):
    """Rows that are not ordinary, and how many requests were made that no row stands for.

    A caller that failed by itself may try again; ``--fault caller=...,nth=N`` counts that too.
    """

    def __init__(self, run: Run) -> None:
        self._asked = _Asked(())
        self._rows: Counter[str] = Counter()
        self._tables = run.tables
        super().__init__(run)
        run.plan = self._asked

    def row(self, batch: EventBatch, row: int) -> None:
        """Carry it out."""
        if batch.kind[row] == _ALLOC and batch.pfn[row] >= 0:
            self._rows[self._tables.callers[batch.caller[row]]] += 1
        super().row(batch, row)

    def unrecorded(self, caller: int) -> int:
        """Requests so far of a caller index without a row of their own."""
        name = self._tables.callers[caller]
        return self._asked.counts[name] - self._rows[name]


class _Asked(FaultPlan):
    """A plan that fails nothing and counts what it is asked."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults, lambda _name: lambda: 0)
        self.counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return True

    def should_fail(
        self, order: int, gfp: int, caller: str, comm: str = "", context: int = 0, **told: Any
    ) -> None:
        """Count one request."""
        self.counts[caller] += 1


def _with_next(
    batches: Iterable[EventBatch],
) -> Iterator[tuple[EventBatch, EventBatch | None]]:
    """Each batch with the one after it."""
    before: EventBatch | None = None
    for batch in batches:
        if before is not None:
            yield before, batch
        before = batch
    if before is not None:
        yield before, None

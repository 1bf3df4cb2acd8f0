"""Two runs side by side: both results, and the first events at which they part.

Runs can part in three ways, each told once, at its first event: the traces say different things
(``event``), a request that worked on one side failed on the other or failed for another reason
(``result``), or the same request got different pages (``page``).  After the traces differ, events
of equal number have nothing to do with each other, so nothing later is looked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import ZoneFrame, look_at
from buddysim.replay.outcome import RunResult
from buddysim.replay.processes import Tell, run_each
from buddysim.replay.run import RESULT_IGNORED
from buddysim.replay.stepper import Stepper, ToldEvent, told_event
from buddysim.source.event import CallerBy, EventBatch, Trace
from buddysim.source.open import open_trace

__all__ = ["Comparison", "Divergence", "Seen", "Side", "compare"]

_STRETCH = 1024
"""Events played on both sides between two looks."""
_END = 1 << 62
_SAID = ("kind", "cpu", "order", "gfp", "handle")
"""What two traces must agree on; pages, times and line numbers always differ."""


@dataclass(frozen=True)
class Side:
    """One of the two: a trace and how it is replayed."""

    path: str
    config: ReplayConfig
    settings: tuple[str, ...] = ()
    """What distinguishes it, as the user wrote it."""

    def open(self) -> Trace:
        """Raises TraceError, ConfigError."""
        by = cast("CallerBy", self.config.caller_by)
        return open_trace(self.path, profile=self.config.profile, caller_by=by)


@dataclass(frozen=True)
class Seen:
    """One event on one side."""

    told: ToldEvent | None
    """None: this side's trace has ended before."""
    outcome: str = ""
    """``succeeded``, ``failed``, ``freed``, ``ignored`` (a free of nothing) or ``nothing``."""
    pfns: tuple[int, ...] = ()
    """Simulated first pages of the blocks given or freed."""
    failure: FailureRow | None = None
    zones: tuple[ZoneFrame, ...] = ()
    """Just before the event."""


@dataclass(frozen=True)
class Divergence:
    """The first event of one kind of difference.  ``level``: event, result or page."""

    level: str
    event: int
    a: Seen
    b: Seen


@dataclass
class Comparison:
    """Both runs and where they part."""

    sides: tuple[Side, Side]
    runs: tuple[RunResult, RunResult]
    divergences: list[Divergence] = field(default_factory=list)
    """At most one of each level, by event."""
    interrupted: bool = False
    """Ctrl-C came while the divergences were looked for."""

    @property
    def same(self) -> bool:
        """Equal events, equal outcomes, equal machines at the end."""
        digests = {run.digest for run in self.runs}
        return not self.divergences and not self.interrupted and len(digests) == 1

    @property
    def failures_compared(self) -> int:
        """Failures looked through for a different result, on the side that kept fewer."""
        return min(len(run.failures) for run in self.runs)

    @property
    def looked_at_every_failure(self) -> bool:
        """False: a run had more failures than it kept."""
        return not any(run.failures_dropped for run in self.runs)


def compare(
    a: Side, b: Side, *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Replay both sides (at the same time with ``jobs`` 2) and find where they part.

    ``progress`` gets 0 or 1 for the side, and the events it has done.  Cost: both replays, and
    both again up to the events at which they part.  Ctrl-C then leaves the numbers.

    Raises TraceError, ConfigError, FaultSpecError.
    """
    done = dict(run_each((a, b), _replayed, jobs, progress))
    found = Comparison((a, b), (done[0], done[1]))
    try:
        _find_divergences(found)
    except KeyboardInterrupt:
        found.interrupted = True
    return found


def _find_divergences(found: Comparison) -> None:
    a, b = found.sides
    parting = _other_event(a, b)
    bound = parting.event if parting is not None else _END
    result = _other_result(a, b, found.runs, bound)
    if result is not None:
        bound = result.event
    page = None
    if found.runs[0].digest != found.runs[1].digest:
        page = _other_outcome(a, b, bound)
    found.divergences = [each for each in (page, result, parting) if each is not None]


def _replayed(side: Side, tell: Tell) -> RunResult:
    return replay(side.open(), side.config, tell)


# Different traces.


def _other_event(a: Side, b: Side) -> Divergence | None:
    """The first event that the traces do not tell alike."""
    if (a.path, a.config.caller_by, a.config.profile) == (
        b.path,
        b.config.caller_by,
        b.config.profile,
    ):
        return None
    one, other = _Reading(a), _Reading(b)
    by_caller = a.config.caller_by == b.config.caller_by
    while (rows := min(one.ahead(), other.ahead())) > 0:
        if one.said(rows, by_caller) != other.said(rows, by_caller):
            while one.said(1, by_caller) == other.said(1, by_caller):
                one.skip(1)
                other.skip(1)
            break
        one.skip(rows)
        other.skip(rows)
    if not one.ahead() and not other.ahead():
        return None
    return Divergence("event", one.event, Seen(one.told()), Seen(other.told()))


class _Reading:
    """A trace as it is read, row by row or many at a time."""

    def __init__(self, side: Side) -> None:
        self._trace = side.open()
        self._batches = self._trace.batches()
        self._batch = EventBatch()
        self._row = 0
        self.event = 0

    def ahead(self) -> int:
        """Rows at hand; 0 at the end."""
        while self._row == len(self._batch):
            batch = next(self._batches, None)
            if batch is None:
                return 0
            self._batch, self._row = batch, 0
        return len(self._batch) - self._row

    def skip(self, rows: int) -> None:
        """Go on; at most as many rows as are at hand."""
        self._row += rows
        self.event += rows

    def said(self, rows: int, by_caller: bool) -> list[object]:
        """What the next rows tell, comparable between traces."""
        batch, cut = self._batch, slice(self._row, self._row + rows)
        said: list[object] = [getattr(batch, name)[cut] for name in _SAID]
        said.append([pfn < 0 for pfn in batch.pfn[cut]])
        if by_caller:
            said.append(list(map(self._trace.tables.callers.__getitem__, batch.caller[cut])))
        return said

    def told(self) -> ToldEvent | None:
        """The next row; None at the end."""
        return told_event(self._batch, self._row, self._trace.tables) if self.ahead() else None


# Different outcomes.


def _other_result(
    a: Side, b: Side, runs: tuple[RunResult, RunResult], bound: int
) -> Divergence | None:
    """The first event before ``bound`` that failed on one side only, or for another cause."""
    event = _first_other(*(_reasons(run) for run in runs))
    if event is None or event >= bound:
        return None
    seen = []
    for side in (a, b):
        stepper = Stepper(side.open(), side.config)
        stepper.play(event)
        seen.append(_look(stepper))
    return Divergence("result", event, *seen)


def _reasons(run: RunResult) -> Iterator[tuple[int, str, str, int]]:
    return ((row.event, row.origin, row.cause, row.order) for row in run.failures)


def _first_other(
    a: Iterator[tuple[int, str, str, int]], b: Iterator[tuple[int, str, str, int]]
) -> int | None:
    for one in a:
        other = next(b, None)
        if one != other:
            return one[0] if other is None else min(one[0], other[0])
    left = next(b, None)
    return left[0] if left is not None else None


def _other_outcome(a: Side, b: Side, bound: int) -> Divergence | None:
    """The first event before ``bound`` with any other outcome, pages included."""
    start = _other_stretch(a, b, bound)
    if start is None:
        return None
    steppers = [Stepper(side.open(), side.config) for side in (a, b)]
    for stepper in steppers:
        stepper.play(start)
    for event in range(start, min(start + _STRETCH, bound)):
        seen = [_look(stepper) for stepper in steppers]
        if (seen[0].outcome, seen[0].pfns) != (seen[1].outcome, seen[1].pfns):
            return Divergence("page", event, *seen)
    return None


def _other_stretch(a: Side, b: Side, bound: int) -> int | None:
    """First event of the first stretch whose outcomes differ."""
    one, other = (Stepper(side.open(), side.config) for side in (a, b))
    start = 0
    while start < bound and (one.next_event() or other.next_event()):
        events = min(_STRETCH, bound - start)
        if one.play(events) != other.play(events):
            return start
        start += events
    return None


def _look(stepper: Stepper) -> Seen:
    """Play one event and tell what became of it."""
    told = stepper.next_event()
    zones = tuple(look_at(zone) for zone in stepper.machine.zones if zone.managed)
    if told is None:
        return Seen(None, zones=zones)
    outcomes = stepper.play(1)
    failures = stepper.failures(told.event)
    pages = tuple(outcome for outcome in outcomes if outcome >= 0)
    return Seen(told, _word(told, outcomes), pages, failures[0] if failures else None, zones)


def _word(told: ToldEvent, outcomes: array[int]) -> str:
    if not outcomes:
        return "nothing"
    if min(outcomes) >= 0:
        return "freed" if told.kind == "free" else "succeeded"
    return "ignored" if min(outcomes) == RESULT_IGNORED else "failed"

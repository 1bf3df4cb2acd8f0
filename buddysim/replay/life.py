"""What follows from one failure in a recording: lived through beside the books, then undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buddysim.mm.failure import Failure
from buddysim.replay.declared import load_declared_callers
from buddysim.replay.engine import close_books, new_plan
from buddysim.replay.follow import NOBODY, follow_rows
from buddysim.replay.ledger import NOWHERE, order_of, sim_pfn_of
from buddysim.replay.recorded import RecordedRows
from buddysim.replay.rehearsal import Rehearsal
from buddysim.replay.run import Site
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.fault.plan import FaultPlan
    from buddysim.replay.explore_script import Judge
    from buddysim.replay.run import Run

__all__ = ["Course", "Life", "LifeVerdict"]

_ALLOC = int(EventKind.ALLOC)
_EXTFRAG = int(EventKind.EXTFRAG)

Course = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class LifeVerdict:
    """What one failure showed, and by which course of events."""

    course: Course
    judged: Any
    plausibility: str
    end: str


class Life:
    """Lives through failures one after the other.

    ``horizon``: events each is followed for.  Equal courses are judged once: what a failure shows
    depends on who failed, on what was done about it and on who failed besides.
    """

    def __init__(self, run: Run, horizon: int, judge: Judge) -> None:
        self._real = run
        self._horizon = horizon
        self._judge = judge
        self._run = run.beside()
        self._run.loop.quiet[_EXTFRAG] = 1
        self._quiet = self._run.loop.quiet
        self._rows = RecordedRows(self._run)
        self._rehearsal = Rehearsal(run)
        self._declared = load_declared_callers(run.config.callers_file)
        self._plans: dict[int, FaultPlan] = {}
        self._kinds: set[tuple[int, int, int, str]] = set()
        """Kinds of requests that were failed before, by schedule."""
        self._known: set[Course] = set()
        self.ends: Counter[str] = Counter()
        """Runs by how they ended."""
        self._used = False
        """Was anything written into the books of this life?"""

    def live(
        self, batch: EventBatch, row: int, following: EventBatch | None, schedule: str
    ) -> LifeVerdict | None:
        """Fail the request in a row and go on; None when that showed nothing new.

        ``following``: the next batch, where the horizon may end.  The machine and its live blocks
        are afterwards as before.
        """
        own = (batch.caller[row], batch.order[row], batch.gfp[row], schedule)
        persistent = own[0] if schedule == "persistent" else NOBODY
        told = self._acts(own[0]) or own not in self._kinds
        self._kinds.add(own)
        while True:
            with self._rehearsed(persistent):
                end = self._live(batch, row, following, persistent, told=told)
                course = (own, *self._course())
                is_new = self._used and course not in self._known
                if told or not is_new:
                    self.ends[end] += 1
                    self._known.add(course)
                    return self._verdict(course, end) if is_new else None
            # Somebody else failed as well, which is to be judged with the cause on the books.
            told = True

    @contextmanager
    def _rehearsed(self, persistent: int) -> Iterator[None]:
        """Whatever happens inside is undone, on the machine and on the books."""
        self._run.plan = self._plan_of(persistent)
        self._rehearsal.begin()
        try:
            yield
        finally:
            self._rehearsal.undo()
            if self._used:
                self._run.renew_books()
                self._run.loop.quiet = self._quiet
                self._used = False

    def _live(
        self,
        batch: EventBatch,
        row: int,
        following: EventBatch | None,
        persistent: int,
        *,
        told: bool,
    ) -> str:
        acts = self._acts(batch.caller[row])
        if told:
            self._refuse(batch, row, acts=acts)
        else:
            self._clear(batch, row)
            self._nowhere(batch, row)
        doomed, awaited = (NOBODY, persistent) if acts else (persistent, NOBODY)
        return self._follow(batch, row + 1, following, doomed, awaited)

    def _acts(self, caller: int) -> bool:
        rule = self._declared.rule_for(self._real.tables.callers[caller])
        return rule is not None and bool(rule.on_failure)

    def _plan_of(self, failing: int) -> FaultPlan:
        """What fails besides the request itself: retries, when the failure is to last."""
        plan = self._plans.get(failing)
        if plan is None:
            name = self._real.tables.callers[failing] if failing >= 0 else ""
            faults = (f"caller={name},from=1",) if name else ()
            plan = new_plan(self._real.config, self._real.machine, faults)
            self._plans[failing] = plan
        return plan

    def _follow(
        self,
        batch: EventBatch,
        start: int,
        following: EventBatch | None,
        doomed: int,
        awaited: int,
    ) -> str:
        last = start + self._horizon
        self._play(batch, start, min(last, len(batch)), doomed, awaited)
        left = last - len(batch)
        if left <= 0:
            return "horizon"
        if following is not None:
            self._play(following, 0, min(left, len(following)), doomed, awaited)
        return "horizon" if following is not None and left <= len(following) else "end"

    def _play(self, batch: EventBatch, start: int, end: int, doomed: int, awaited: int) -> None:
        row = start
        while row < end:
            row = follow_rows(self._run.loop, batch, row, end, doomed, awaited)
            if row < end:
                self._rare(batch, row, max(doomed, awaited))
                row += 1

    def _rare(self, batch: EventBatch, row: int, failing: int) -> None:
        """A row that is not ordinary, as the recording goes on."""
        if batch.kind[row] == _ALLOC:
            if batch.caller[row] == failing and batch.pfn[row] >= 0:
                self._refuse(batch, row, acts=self._acts(failing))
                return
            self._rehearsal.keep_books()
            self._used = True
        self._rows.row(batch, row)

    def _refuse(self, batch: EventBatch, row: int, *, acts: bool) -> None:
        """Fail a request on the books, and let its caller do what it is declared to do."""
        self._rehearsal.keep_books()
        self._used = True
        self._clear(batch, row)
        run, site = self._run, Site.of_row(batch, row)
        number = run.arrive(site)
        failure = Failure(site.order, site.gfp, site.context, "injected")
        asked = run.refuse(site, failure, "injected", number)
        if acts and asked.failure is not None:
            self._rows.reactions.settle(site, batch.pfn[row], asked.failure)
        else:
            self._nowhere(batch, row)

    def _clear(self, batch: EventBatch, row: int) -> None:
        """The recording hands out a block that the replay still holds: it missed a free."""
        pfn, ledger = batch.pfn[row], self._run.ledger
        if pfn in ledger.live:
            entry = ledger.remove(pfn)
            if sim_pfn_of(entry) != NOWHERE:
                self._run.machine.free_pages(sim_pfn_of(entry), order_of(entry), batch.cpu[row])

    def _nowhere(self, batch: EventBatch, row: int) -> None:
        self._run.ledger.add(batch.pfn[row], NOWHERE, batch.caller[row], batch.order[row])

    def _course(self) -> tuple[object, ...]:
        """Who else failed, and what was done about it."""
        rows, episodes = self._run.result.failures, self._run.result.story.episodes
        others = [row for row in rows if row.origin != "injected"]
        return (
            tuple((row.caller, row.order, row.gfp, row.cause, row.origin) for row in others),
            tuple((each.resolution, each.attempts, each.errno) for each in episodes),
        )

    def _verdict(self, course: Course, end: str) -> LifeVerdict:
        result = self._run.result
        close_books(self._run)
        self._rows.reactions.finish(result.callers)
        own = [row.plausibility for row in result.failures if row.origin == "injected"]
        return LifeVerdict(course, self._judge(result), own[0] if own else "", end)

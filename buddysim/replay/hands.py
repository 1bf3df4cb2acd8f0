"""One caller at one statement: what its policy can do with the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.caller.policy import declares_fallback
from buddysim.replay.outcome import FailureRow, FirstSeen
from buddysim.replay.recorded import RESULT_FAILED
from buddysim.replay.run import Site
from buddysim.replay.story import Episode
from buddysim.source.action import Action
from buddysim.source.statement import Statement

if TYPE_CHECKING:
    from buddysim.replay.stage import Stage

__all__ = ["Hands", "new_episode"]


class Hands:
    """One caller at one statement, as its policy sees the machine."""

    def __init__(self, stage: Stage, statement: Statement, seen: FirstSeen, context: int) -> None:
        self._stage = stage
        self._statement = statement
        self._context = context
        self._now = seen
        self.taken = -1

    def first(self) -> FailureRow | None:
        """The request of the statement itself; None when it worked, then ``taken`` is its pfn."""
        return self._ask(self._statement.order)

    def _ask(self, order: int) -> FailureRow | None:
        statement = self._statement
        run = self._stage.run
        asked = run.ask(
            Site(
                self._now,
                statement.caller,
                order,
                statement.gfp,
                self._context,
                statement.cpu,
                statement.caller,
            )
        )
        self.taken = asked.pfn
        run.loop.results.append(
            asked.pfn if asked.failure is None else RESULT_FAILED[asked.failure.origin]
        )
        return asked.failure

    def ask(self, order: int) -> int:
        """Another request on behalf of the same statement; pfn or -1."""
        self._ask(order)
        return self.taken

    def give_back(self, pfn: int, order: int) -> None:
        """Free a block that was taken for nothing."""
        run = self._stage.run
        run.machine.free_pages(pfn, order, self._statement.cpu)
        run.hold(self._statement.caller, -(1 << order))
        run.loop.freed += 1

    def sleep(self, ns: int) -> None:
        """Let time pass for this caller and the machine."""
        self._now = FirstSeen(self._now.event, self._now.line, self._now.time_ns + ns)

    def unwind(self) -> None:
        """Free the transaction's live members."""
        self._stage.unwind(self._statement.caller)


def new_episode(number: int, handle: str, row: FailureRow, steps: tuple[Action, ...]) -> Episode:
    """The facts of a failed request before its caller has reacted."""
    return Episode(
        number=number,
        event=row.event,
        line=row.line,
        time_ns=row.time_ns,
        caller=row.caller,
        handle=handle,
        order=row.order,
        gfp=row.gfp,
        context=row.context,
        origin=row.origin,
        plausibility=row.plausibility,
        nth_of_caller=row.nth_of_caller,
        warned=row.warned in {"printed", "suppressed"},
        has_fallback=declares_fallback(steps),
    )

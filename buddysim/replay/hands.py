"""One caller at one statement: what its policy can do with the machine."""

from __future__ import annotations

from collections.abc import Callable

from buddysim.caller.policy import declares_fallback
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.run import RESULT_FAILED, Run, Site
from buddysim.replay.story import Episode
from buddysim.source.action import Action

__all__ = ["Hands", "new_episode"]


class Hands:
    """One caller at one place of a trace, as its policy sees the machine."""

    def __init__(self, run: Run, site: Site, unwind: Callable[[], None]) -> None:
        self._run = run
        self._site = site
        self._unwind = unwind
        self._now = site.seen
        self.taken = -1

    def first(self) -> FailureRow | None:
        """The request itself; None when it worked, then ``taken`` is its pfn."""
        return self._ask(self._site.order)

    def _ask(self, order: int) -> FailureRow | None:
        site, run = self._site, self._run
        asked = run.ask(
            Site(
                self._now,
                site.caller,
                order,
                site.gfp,
                site.context,
                site.cpu,
                site.task,
                site.stack,
            )
        )
        self.taken = asked.pfn
        run.loop.results.append(
            asked.pfn if asked.failure is None else RESULT_FAILED[asked.failure.origin]
        )
        return asked.failure

    def ask(self, order: int) -> int:
        """Another request on behalf of the same one; pfn or -1."""
        self._ask(order)
        return self.taken

    def give_back(self, pfn: int, order: int) -> None:
        """Free a block that was taken for nothing."""
        run = self._run
        run.machine.free_pages(pfn, order, self._site.cpu)
        run.hold(self._site.caller, -(1 << order))
        run.loop.freed += 1

    def sleep(self, ns: int) -> None:
        """Let time pass for this caller and the machine."""
        self._now = FirstSeen(self._now.event, self._now.line, self._now.time_ns + ns)

    def unwind(self) -> None:
        """Free the transaction's live members."""
        self._unwind()


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

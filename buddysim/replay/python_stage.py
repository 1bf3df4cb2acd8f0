"""The books of a Python scenario: requests, frees, uses, and how calls end, as story facts."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable

from buddysim.caller.handle import Handle
from buddysim.kernel.context import CONTEXT_BY_NAME
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.activation import Activation, Held, StoppedCaller
from buddysim.replay.ending import Ending, end_activation
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.hands import new_episode
from buddysim.replay.ledger import order_of, sim_pfn_of
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.run import RESULT_FAILED, Asked, Run, Site
from buddysim.replay.story import Misuse, SectionBreach, Violation

__all__ = ["ATTEMPT_LIMIT", "PythonStage"]

ATTEMPT_LIMIT = 1000
"""Failures in a row of one request after which its caller is stopped."""

_IO, _FS = int(Gfp.IO), int(Gfp.FS)
_BARRED = {"noio": _IO | _FS, "nofs": _FS}

Take = Callable[[Site], tuple[list[tuple[int, int]], Callable[[], None] | None] | None]
"""Takes pages for a request whose faults are dealt with: (pfn, order) pairs and perhaps a special
way to give them back, or None when there are none."""


class PythonStage:
    """What happens on one machine while Python callers run.  ``path`` is the scenario's file."""

    def __init__(self, run: Run, path: str) -> None:
        self.run = run
        self.path = path
        self.facts = run.result.story
        self.facts.is_story = True
        self.current: Activation | None = None
        self.held: dict[int, Held] = {}
        self.latest: dict[int, int] = {}
        """Caller -> its latest failure."""
        self.before_request: Callable[[Site], None] | None = None
        """Told of every request before its fate is decided; exploration hangs in here."""
        self.after_failure: Callable[[Activation], None] | None = None
        """Told of every failure when it is on the books."""
        self.looked_around = False
        """A caller has looked at the clock or at the machine's free memory."""
        self.requests = 0
        self._next_key = 0

    # Where we are.

    def seen(self, line: int = 0) -> FirstSeen:
        """Count one operation; its place is the innermost line of the scenario's own source."""
        event = self.run.result.events
        self.run.result.events += 1
        return FirstSeen(event, line or self._line(), self.run.machine.clock_ns)

    def _line(self) -> int:
        frame = sys._getframe(2)
        while frame is not None and frame.f_code.co_filename != self.path:
            frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
        return frame.f_lineno if frame is not None else 0

    @property
    def now_ns(self) -> int:
        """Virtual time, in nanoseconds."""
        return self.run.machine.clock_ns

    @property
    def acting(self) -> Activation:
        """The call that is running."""
        assert self.current is not None
        return self.current

    # Requests.

    def request(self, order: int, gfp: int, what: str, take: Take, size: int = 0) -> Handle | None:
        """One request of any interface: fate, books, facts.  ``size``: bytes of a slab object."""
        act, seen = self.acting, self.seen()
        self._check_section(act, gfp, seen)
        context = int(CONTEXT_BY_NAME[act.spec.context])
        site = Site(seen, act.caller, order, gfp, context, 0, act.caller)
        self.requests += 1
        if self.before_request is not None:
            self.before_request(site)
        number = self.run.arrive(site)
        asked = self.run.inject(site, number)
        if asked is None and size:
            asked = self._inject_slab(site, size, number)
        if asked is None:
            taken = take(site)
            if taken is not None:
                return self._granted(act, site, what, taken)
            failure = self.run.machine.last_failure
            assert failure is not None
            asked = self.run.refuse(site, failure, "natural", number)
        assert asked.failure is not None
        self.run.loop.results.append(RESULT_FAILED[asked.failure.origin])
        self._failed(act, seen, what, asked.failure)
        return None

    def _inject_slab(self, site: Site, size: int, number: int) -> Asked | None:
        """failslab's turn, after the page injectors."""
        decision = self.run.injected(site, size)
        if decision is None:
            return None
        return self.run.refuse_injected(site, decision, number)

    def _granted(
        self,
        act: Activation,
        site: Site,
        what: str,
        taken: tuple[list[tuple[int, int]], Callable[[], None] | None],
    ) -> Handle:
        blocks, release = taken
        run, serial = self.run, self.requests
        run.tally.succeeded(act.caller, site.order, site.gfp, site.seen.time_ns)
        keys = [self._book(act.caller, pfn, order) for pfn, order in blocks]
        run.loop.results.append(blocks[0][0] if blocks else 0)
        nr_pages = sum(1 << order for _, order in blocks)
        handle = Handle(self, serial, site.order, nr_pages)
        name = f"{what} of line {site.seen.line}"
        give_back = release or (lambda: self._give_back(keys))
        held = Held(
            name, act.caller, site.order, nr_pages, site.seen, weakref.ref(handle), give_back
        )
        self.held[serial] = held
        act.members.append(held)
        self._recovered(act, site.order)
        return handle

    def _book(self, caller: int, pfn: int, order: int) -> int:
        key = self._next_key
        self._next_key += 1 << order
        self.run.ledger.add(key, pfn, caller, order)
        self.run.hold(caller, 1 << order)
        zone = self.run.machine.allocator.zone_of(pfn)
        if zone is not None and zone.free < zone.mark_min:
            self.run.tally.of(caller).reserve_pages += 1 << order
        return key

    def _give_back(self, keys: list[int]) -> None:
        run = self.run
        for key in keys:
            entry = run.ledger.remove(key)
            run.machine.free_pages(sim_pfn_of(entry), order_of(entry))
            run.loop.freed += 1

    def _recovered(self, act: Activation, order: int) -> None:
        """Something was allocated after failures: they are coped with."""
        for number in act.pending:
            episode = self.facts.episodes[number]
            smaller = order < episode.order
            episode.smaller_succeeded = smaller
            episode.resolution = "fallback" if smaller else "retried"
        self._settled(act)

    def _settled(self, act: Activation) -> None:
        if act.pending:
            self.run.tally.settled(act.caller)
        act.pending.clear()
        act.retrying = -1

    def _failed(self, act: Activation, seen: FirstSeen, what: str, row: FailureRow) -> None:
        if act.retrying >= 0:
            episode = self.facts.episodes[act.retrying]
            if (episode.line, episode.order, episode.gfp) == (seen.line, row.order, row.gfp):
                episode.attempts += 1
                if episode.attempts > ATTEMPT_LIMIT:
                    episode.endless = True
                    raise StoppedCaller
                return
        number = len(self.facts.episodes)
        episode = new_episode(number, f"{what} of line {seen.line}", row, ())
        episode.declared_errors = act.spec.errors
        episode.resolution = "open"  # until its call ends, nothing can be said of it
        self.facts.episodes.append(episode)
        self.latest[act.caller] = number
        act.episodes.append(number)
        act.pending.append(number)
        act.retrying = number
        if self.after_failure is not None:
            self.after_failure(act)

    def _check_section(self, act: Activation, gfp: int, seen: FirstSeen) -> None:
        for word, since in act.sections:
            if gfp & _BARRED[word]:
                self.facts.breaches.append(
                    SectionBreach(
                        section=word,
                        event=seen.event,
                        line=seen.line,
                        time_ns=seen.time_ns,
                        caller=act.spec.name,
                        gfp=gfp,
                        section_event=since.event,
                        section_line=since.line,
                        section_time_ns=since.time_ns,
                    )
                )
                return

    # Handles.

    def free(self, handle: Handle | None, order: int = -1) -> None:
        """Free what a handle stands for; None is accepted where the caller's API accepts NULL."""
        act, seen = self.acting, self.seen()
        if handle is None:
            if not act.spec.free_null and act.episodes:
                self.null_use(act, seen, "free")
            return
        act.retrying = -1
        held = self.held[handle.serial]
        if held.freed is not None:
            self._misuse("free", "freed", held, seen, held.freed)
            return
        if order >= 0 and order != held.order:
            detail = f"order {order} given, order {held.order} allocated"
            self._misuse("free", "live", held, seen, held.allocated, detail)
        held.freed = seen
        held.release()
        self.run.hold(held.caller, -held.nr_pages)

    def touched(self, handle: Handle) -> None:
        """A use."""
        seen, held = self.seen(), self.held[handle.serial]
        if held.freed is not None:
            self._misuse("use", "freed", held, seen, held.freed)

    def _misuse(
        self,
        deed: str,
        state: str,
        held: Held,
        seen: FirstSeen,
        earlier: FirstSeen,
        detail: str = "",
    ) -> None:
        self.facts.misuses.append(
            Misuse(
                deed,
                state,
                seen.event,
                seen.line,
                seen.time_ns,
                self.acting.spec.name,
                held.name,
                -1,
                earlier.event,
                earlier.line,
                earlier.time_ns,
                detail,
            )
        )

    def null_use(self, act: Activation, seen: FirstSeen, deed: str) -> bool:
        """Memory that is not there was used; False when no failure can be the reason."""
        episodes = self.facts.episodes
        own = act.pending or act.episodes
        last = own[-1] if own else self.latest.get(act.caller, len(episodes) - 1)
        if last < 0:
            return False
        episode = episodes[last]
        episode.used = True
        self.facts.misuses.append(
            Misuse(
                deed,
                "failed",
                seen.event,
                seen.line,
                seen.time_ns,
                act.spec.name,
                episode.handle,
                last,
                episode.event,
                episode.line,
                episode.time_ns,
            )
        )
        return True

    # Counters, invariants, sections.

    def count(self, name: str, nr: int) -> None:
        """The caller counted: its failures did not go unnoticed."""
        self.seen()
        counters = self.run.result.counters
        counters[name] = counters.get(name, 0) + nr
        for number in self.acting.pending:
            episode = self.facts.episodes[number]
            episode.counted = True
            episode.resolution = "dropped"
        self._settled(self.acting)

    def expect(self, holds: bool, text: str, line: int = 0) -> None:
        """An invariant was looked at."""
        act, seen = self.acting, self.seen(line)
        if not holds:
            last = act.episodes[-1] if act.episodes else len(self.facts.episodes) - 1
            self.facts.violations.append(
                Violation(text, seen.event, seen.line, seen.time_ns, act.spec.name, last)
            )

    def begin_section(self, word: str) -> None:
        """Enter a noio or nofs section."""
        self.acting.sections.append((word, self.seen()))

    def end_section(self) -> None:
        """Leave the innermost section."""
        self.acting.sections.pop()

    def ended(self, act: Activation, ending: Ending) -> None:
        """A call is over."""
        self.current = act
        end_activation(self, act, ending)
        self.current = None

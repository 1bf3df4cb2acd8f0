"""The state of one replay: machine, books, and the one place where requests are made."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from buddysim.fault.plan import FaultDecision, FaultPlan
from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.mm.alloc_flags import slow_path_flags
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.replay.config import ReplayConfig
from buddysim.replay.desk import WarningDesk
from buddysim.replay.holders import HolderWatch
from buddysim.replay.ledger import Ledger
from buddysim.replay.loop import LoopState, uses_reserves
from buddysim.replay.outcome import FirstSeen, RunResult
from buddysim.replay.policies import RecordedKswapd
from buddysim.replay.tally import Tally, shape_key
from buddysim.replay.waiting import WAITS, waits
from buddysim.source.event import EventKind

if TYPE_CHECKING:
    from buddysim.mm.failure import Failure
    from buddysim.replay.failure_row import FailureRow
    from buddysim.source.event import EventBatch, Tables

__all__ = ["RESULT_FAILED", "RESULT_IGNORED", "Asked", "Run", "Site"]

_ALLOC = int(EventKind.ALLOC)
RESULT_FAILED = {"natural": -1, "observed": -2, "injected": -3}
"""Outcome column of a failed request, by origin; one that worked has its pfn."""
RESULT_IGNORED = -4
"""Outcome column of a free with nothing to free."""


class Site:
    """Where in the trace a request stands: one row, unpacked."""

    __slots__ = ("caller", "context", "cpu", "gfp", "order", "seen", "stack", "task")

    def __init__(
        self,
        seen: FirstSeen,
        caller: int,
        order: int,
        gfp: int,
        context: int = 0,
        cpu: int = 0,
        task: int = 0,
        stack: int = 0,
    ) -> None:
        self.seen = seen
        self.caller = caller
        self.order = order
        self.gfp = gfp
        self.context = context
        self.cpu = cpu
        self.task = task
        self.stack = stack

    @classmethod
    def of_row(cls, batch: EventBatch, row: int) -> Site:
        """The site of a recorded request."""
        return cls(
            FirstSeen.in_row(batch, row),
            batch.caller[row],
            batch.order[row],
            batch.gfp[row],
            batch.context[row],
            batch.cpu[row],
            batch.task[row],
            batch.stack[row],
        )

    def request(self) -> Request:
        """What the allocator is asked."""
        return Request(self.order, self.gfp, self.cpu, 0, self.context, self.caller)


class Asked:
    """The answer to a request: ``pfn`` >= 0, or the failure's row."""

    __slots__ = ("failure", "pfn")

    def __init__(self, pfn: int, failure: FailureRow | None = None) -> None:
        self.pfn = pfn
        self.failure = failure


class Run:
    """Everything mutable of one replay."""

    def __init__(
        self,
        machine: Machine,
        tables: Tables,
        config: ReplayConfig,
        plan: FaultPlan,
        desk: WarningDesk,
        result: RunResult,
    ) -> None:
        self.machine = machine
        self.tables = tables
        self.config = config
        self.plan = plan
        self.desk = desk
        self.result = result
        self.exact_start = all(zone.state and zone.state.free_lists for zone in machine.spec.zones)
        """The start state is known page by page, not only in numbers."""
        self.ledger = Ledger(machine)
        machine.hooks.observers.append(self.ledger)
        self._open_books()
        if plan:
            self.loop.every_request_counts()
        for zone in machine.zones:
            zone.extfrag_logging = True
            zone.extfrag_log = self.loop.extfrag_log

    def _open_books(self) -> None:
        self.loop = LoopState(self.machine.allocator, self.ledger.live, self.ledger.first)
        self.loop.recorded = self.config.placement == "recorded"
        self.loop.is_plain = isinstance(self.machine.hooks.kswapd, RecordedKswapd)
        self.tally = Tally(self.tables, self.loop)
        self.holders = HolderWatch(self)
        self.extfrag_orders = [0] * (MAX_PAGE_ORDER + 1)
        """The model's pageblock fallbacks so far, by order of the block found."""

    def beside(self) -> Run:
        """A run on the same machine and the same live blocks, with books of its own."""
        other = copy(self)
        other.renew_books()
        return other

    def renew_books(self) -> None:
        """Begin the accounts afresh, without looks at holders; the machine stays as it is."""
        told = self.result
        self.result = RunResult(
            meta=told.meta,
            config=told.config,
            profile=told.profile,
            build=told.build,
            machine_origin=told.machine_origin,
        )
        self.desk = WarningDesk(self.machine, self.tables, self.config, self.result.warnings)
        self._open_books()
        self.holders = HolderWatch(self, failures=0)
        self.tally.grow()

    def below_min(self) -> bool:
        """Is any zone below its min mark?"""
        return any(zone.free < zone.mark_min for zone in self.machine.zones)

    def injected(self, site: Site, size_bytes: int | None = None) -> FaultDecision | None:
        """Does the fault plan fail this request?  ``size_bytes``: of a slab request."""
        if not self.plan:
            return None
        frames = self.tables.stacks[site.stack]
        return self.plan.should_fail(
            site.order,
            site.gfp,
            self.tables.callers[site.caller],
            self.comm(site.task),
            site.context,
            size_bytes=size_bytes,
            frames=tuple(frame.partition("+")[0] for frame in frames),
            time_ns=site.seen.time_ns,
            event=site.seen.event,
        )

    def comm(self, task: int) -> str:
        """The task's name without its pid."""
        name, dash, pid = self.tables.tasks[task].rpartition("-")
        return name if dash and pid.isdecimal() else self.tables.tasks[task]

    def arrive(self, site: Site) -> int:
        """Count one request and move the clock to it; the caller's number for it, from 1."""
        self.machine.clock_ns = max(self.machine.clock_ns, site.seen.time_ns)
        self.tally.grow()
        return self.tally.attempt(
            site.caller, site.order, site.gfp, site.context, site.seen, self.rights
        )

    def introduce(self, batch: EventBatch, row: int) -> bool:
        """Make an allocation's kind known to the inner loop, which then can carry it out.

        False where that is not what the loop stopped at.
        """
        if not self.loop.fast or batch.kind[row] != _ALLOC or batch.pfn[row] < 0:
            return False
        order, gfp, context = batch.order[row], batch.gfp[row], batch.context[row]
        key = shape_key(batch.caller[row], order, gfp, context)
        if not self.tally.is_new(key):
            return False
        seen = FirstSeen.in_row(batch, row)
        self.tally.introduce(key, seen, self.rights(order, gfp, context))
        return True

    def rights(self, order: int, gfp: int, context: int) -> int:
        """Alloc flags of a request's second attempt, if the inner loop may make it; else 0.

        With ``WAITS`` where it may also make the others.
        """
        profile = self.machine.profile
        if profile.slowpath == "2.6.25":
            return 0  # wakes kswapd whatever the mask says
        flags = slow_path_flags(profile, order, gfp, context=context)
        return flags | WAITS if waits(profile, order, gfp) else flags

    def count_stalls(self) -> None:
        """Book the requests that waited for memory in the inner loop."""
        stalls, told = self.loop.stalls, self.result.reconciled
        told["waited_for_memory"] = told.get("waited_for_memory", 0) + sum(stalls)
        for class_index, entries in enumerate(stalls):
            if entries:
                self.machine.count_allocstall(class_index, entries)
                stalls[class_index] = 0

    def inject(self, site: Site, number: int) -> Asked | None:
        """The failure of this request if the fault plan wants one, else None."""
        decision = self.injected(site)
        if decision is None:
            return None
        return self.refuse_injected(site, decision, number)

    def inject_slab(self, site: Site, size_bytes: int) -> bool:
        """Fail a recorded slab request if failslab wants to; else it is none of our business."""
        decision = self.injected(site, size_bytes)
        if decision is None:
            return False
        self.refuse_injected(site, decision, self.arrive(site))
        return True

    def refuse_injected(self, site: Site, decision: FaultDecision, number: int) -> Asked:
        """The failure of a request that the fault plan chose."""
        from buddysim.mm.failure import Failure

        self.desk.injection(decision)
        failure = Failure(site.order, site.gfp, site.context, "injected")
        return self.refuse(site, failure, "injected", number)

    def ask(self, site: Site) -> Asked:
        """Make one request of the machine, faults included; counts, warns and records."""
        number = self.arrive(site)
        injected = self.inject(site, number)
        if injected is not None:
            return injected
        request = site.request()
        pfn = self.machine.alloc_pages(site.order, site.gfp, request=request)
        self.attribute_extfrag(site.caller, site.seen)
        if pfn < 0:
            refused = self.machine.last_failure
            assert refused is not None
            return self.refuse(site, refused, "natural", number)
        self.granted(site, pfn)
        return Asked(pfn)

    def refuse(self, site: Site, failure: Failure, origin: str, number: int) -> Asked:
        """Record a failure of any origin."""
        # Most short scripts see none.
        from buddysim.replay.failure import FailedRequest, report_failure

        failed = FailedRequest(
            site.seen,
            site.caller,
            site.task,
            site.stack,
            site.request(),
            failure,
            origin,
            number,
        )
        return Asked(-1, report_failure(self, failed))

    def granted(self, site: Site, pfn: int, *, waited: bool = False) -> None:
        """Count a request that worked and what it took from the reserve.

        Only by right: one that waited, or crossed the mark with its last page, is no user of it.
        """
        self.tally.succeeded(site.caller, site.order, site.gfp, site.seen.time_ns)
        self.hold(site.caller, 1 << site.order)
        if not waited and uses_reserves(site.gfp) and self.machine.allocator.is_reserve(pfn):
            self.loop.reserve_pages[site.caller] += 1 << site.order

    def hold(self, caller: int, pages: int) -> None:
        """Pages that a caller took (or, negative, gave back)."""
        self.loop.live_pages[caller] += pages

    def attribute_extfrag(self, caller: int, seen: FirstSeen) -> None:
        """Book the pageblock fallbacks of the last allocation on its caller.

        Only in stories: a recording tells of its own ones.
        """
        log = self.loop.extfrag_log
        if not log:
            return
        blocks = self.machine.spec.pageblock_order
        for entry in log:
            self.extfrag_orders[entry[2]] += 1
        mixing = sum(1 for entry in log if entry[2] < blocks)
        log.clear()
        if mixing and self.result.story.is_story:
            stats = self.tally.of(caller)
            stats.extfrag += mixing
            stats.extfrag_first = stats.extfrag_first or seen

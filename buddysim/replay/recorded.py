"""Rows of recordings that are not ordinary: failures, unknown pages, blocks freed in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from buddysim.kernel.gfp_table import Gfp
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.replay.ledger import NOWHERE, caller_of, order_of, sim_pfn_of
from buddysim.replay.loop import note_kswapd
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.reaction import Reactions
from buddysim.replay.run import RESULT_FAILED, RESULT_IGNORED, Asked, Site
from buddysim.replay.waiting import drain_if_worth, is_roomy
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.failure import Failure
    from buddysim.replay.outcome import CallerStats
    from buddysim.replay.run import Run
    from buddysim.replay.steering import Steering

__all__ = ["RecordedRows"]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_EXTFRAG = int(EventKind.EXTFRAG)
_SLAB = frozenset({int(EventKind.KMALLOC), int(EventKind.KMEM_CACHE_ALLOC)})
_WAIT = int(Gfp.DIRECT_RECLAIM)
_MEMALLOC = int(Gfp.MEMALLOC)
_NOMEMALLOC = int(Gfp.NOMEMALLOC)
_NORETRY = int(Gfp.NORETRY)


class RecordedRows:
    """Carries out one row after the other that the inner loop left alone."""

    def __init__(self, run: Run, *, steered: bool = False) -> None:
        """``steered``: in model placement follow what the recorded kernel did besides placing
        pages; whoever asks for it tells of each batch (:meth:`prepare`)."""
        self._run = run
        self._recorded = run.config.placement == "recorded"
        self._counts = run.result.reconciled
        self.reactions = Reactions(run)
        self.steering: Steering | None = None
        self.leave_ordinary = not steered
        if steered and not self._recorded:
            self._steer(run)
        self._pieces: set[int] = set()
        """Keys of blocks that are what remains of a larger one."""

    def _steer(self, run: Run) -> None:
        # Only to verify; other replays need nothing of it.
        from buddysim.replay.steering import Steering

        self.steering = Steering(run)
        run.loop.is_plain = False

    def prepare(self, batch: EventBatch) -> None:
        """Told of each batch before its first row."""
        if self.steering is not None:
            self.steering.prepare(batch)

    def row(self, batch: EventBatch, row: int) -> None:
        """One allocation or free, or what the recorded kernel did besides."""
        kind = batch.kind[row]
        if self.steering is not None and self.steering.row(batch, row):
            return
        if kind == _ALLOC:
            self._alloc(batch, row)
        elif kind in _SLAB:
            self._slab(batch, row)
        elif kind == _EXTFRAG:
            self._extfrag(batch, row)
        elif kind == _FREE:
            self._free(batch, row)
        else:
            note_kswapd(self._run.machine.allocator, kind)

    def finish(self) -> None:
        """Nothing: a recording leaves no question open."""

    def declare(self, callers: Sequence[CallerStats]) -> None:
        """What ``--callers`` and the well-known ones say of the callers."""
        self.reactions.finish(callers)

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1

    def _extfrag(self, batch: EventBatch, row: int) -> None:
        """A recorded fallback; one of whole pageblocks mixes nothing."""
        if self.steering is not None:
            self.steering.extfrag(batch, row)
        if batch.aux[row] & 0xFF < self._run.machine.spec.pageblock_order:
            stats = self._run.tally.of(batch.caller[row])
            stats.extfrag += 1
            seen = FirstSeen.in_row(batch, row)
            stats.extfrag_first = stats.extfrag_first or seen

    def _slab(self, batch: EventBatch, row: int) -> None:
        """Objects are not modelled: a slab request matters only to failslab."""
        if self._run.plan and self._run.inject_slab(Site.of_row(batch, row), batch.aux[row]):
            self._run.loop.results.append(RESULT_FAILED["injected"])

    def _alloc(self, batch: EventBatch, row: int) -> None:
        run = self._run
        site = Site.of_row(batch, row)
        pfn = batch.pfn[row]
        if pfn < 0:
            self._observed_failure(batch, row, site)
            return
        if pfn in run.ledger.live:
            run.loop.alloc_live += 1
            self._release(pfn, site.cpu)
        asked = self._take(site, pfn) if self._recorded else self._place(batch, row, site)
        if asked.failure is not None:
            run.loop.results.append(RESULT_FAILED[asked.failure.origin])
            self.reactions.settle(site, pfn, asked.failure)
            return
        run.loop.results.append(asked.pfn if asked.pfn != NOWHERE else RESULT_IGNORED)
        run.ledger.add(pfn, asked.pfn, site.caller, site.order)

    def _place(self, batch: EventBatch, row: int, site: Site) -> Asked:
        """Model placement: the model picks the pages."""
        run = self._run
        number = run.arrive(site)
        injected = run.inject(site, number)
        if injected is not None:
            return injected
        request, refused = self._steered(batch, row, site)
        pfn, waited, waits = -1, False, self._may_wait(request, told=refused is not None)
        tried, run.loop.tried = run.loop.tried, 0
        if refused is None:
            explain = not (waits and self._is_roomy(request))
            pfn = run.machine.alloc_pages(
                site.order, site.gfp, request=request, tried=tried, explain=explain
            )
            refused = run.machine.last_failure
        if pfn < 0 and self.steering is not None:
            self.steering.granted(request, batch.pfn[row])
        if pfn < 0 and waits:
            pfn, waited = self._wait(request), True
        run.attribute_extfrag(site.caller, site.seen)
        if pfn < 0:
            return run.refuse(site, refused or self._reason(site), "natural", number)
        run.granted(site, pfn, waited=waited)
        return Asked(pfn)

    def _steered(self, batch: EventBatch, row: int, site: Site) -> tuple[Request, Failure | None]:
        if self.steering is None:
            return site.request(), None
        return self.steering.request(batch, row, site)

    def _may_wait(self, request: Request, *, told: bool) -> bool:
        """May a request that the model refuses have slept until there was memory (5.5)?

        One that gives up after a single round may not, where that round is recorded (``told``) or
        the kernel's free counts are known.
        """
        gfp = request.gfp
        if not gfp & _WAIT:
            return False
        if not told and (self.steering is None or not self.steering.traffic.active):
            return True
        return not (request.memalloc_task or gfp & _NORETRY)

    def _is_roomy(self, request: Request) -> bool:
        """Will a request that waits surely find a page?  Then nobody asks why it had to."""
        allocator = self._run.machine.allocator
        return request.order == 0 and is_roomy(allocator, request.gfp, request.node)

    def _wait(self, request: Request) -> int:
        """The recorded request slept until it worked, by means that a recording does not show.

        First the pages on the per-cpu lists, which its direct reclaim would have drained, then
        whatever there is below the marks.
        """
        machine = self._run.machine
        self._count("waited_for_memory")
        pfn = -1
        if self.steering is not None:
            pfn = machine.alloc_pages(request.order, request.gfp, request=request)
        elif drain_if_worth(machine.allocator):
            pfn = machine.allocator.alloc_fast(request.order, request.gfp, request.cpu, 0)
        if pfn >= 0:
            return pfn
        request.gfp = request.gfp & ~_NOMEMALLOC | _MEMALLOC
        return machine.alloc_slow(request)

    def _take(self, site: Site, pfn: int) -> Asked:
        """Recorded placement: exactly these pages, unless a fault is injected."""
        run = self._run
        injected = run.inject(site, run.arrive(site))
        if injected is not None:
            return injected
        taken = run.machine.take_pages(pfn, site.order)
        if taken < 0:
            self._count("outside_machine")
        elif taken < 1 << site.order:
            self._count("taken_in_use")
            self._disown(pfn, site)
        run.granted(site, pfn)
        return Asked(pfn if taken >= 0 else NOWHERE)

    def _disown(self, pfn: int, site: Site) -> None:
        """Pages that the recording allocates belong to nobody else.

        A recorded block that still holds some was freed unseen; one that the model placed, for a
        caller that reacted to a failure, goes on without pages.
        """
        run = self._run
        for page in range(pfn, pfn + (1 << site.order)):
            key = run.ledger.owner_of(page)
            if key < 0:
                continue
            entry = run.ledger.live[key]
            self._release(key, site.cpu)
            if sim_pfn_of(entry) == key:
                run.loop.alloc_live += 1
            else:
                run.ledger.add(key, NOWHERE, caller_of(entry), order_of(entry))
            run.machine.take_pages(pfn, site.order)

    def _observed_failure(self, batch: EventBatch, row: int, site: Site) -> None:
        """The recording says NULL.  The model is asked as ever, and keeps nothing."""
        run = self._run
        number = run.arrive(site)
        request, refused = self._steered(batch, row, site)
        failure = refused or self._reason(site)
        if refused is None and not self._recorded and self._ask_in_vain(site, request):
            failure = replace(failure, cause=_cause_at_the_marks(failure, run.machine))
            if self.steering is not None:
                self.steering.refused(request)
        run.refuse(site, failure, "observed", number)
        run.loop.results.append(RESULT_FAILED["observed"])

    def _reason(self, site: Site) -> Failure:
        """Why the model as it stands would refuse a request."""
        # Most short recordings see no failure.
        from buddysim.replay.failure import explain_unasked

        return explain_unasked(self._run, site.request())

    def _ask_in_vain(self, site: Site, request: Request) -> bool:
        """Let the slow path do its side effects; did it find a page, which goes back at once?"""
        machine = self._run.machine
        pfn = machine.alloc_pages(site.order, site.gfp, request=request)
        if pfn >= 0:
            self._count("failed_but_model_has_page")
            machine.free_pages(pfn, site.order, site.cpu)
        self._run.attribute_extfrag(site.caller, site.seen)
        return pfn >= 0

    def _free(self, batch: EventBatch, row: int) -> None:
        run = self._run
        pfn, order, cpu = batch.pfn[row], batch.order[row], batch.cpu[row]
        run.machine.clock_ns = max(run.machine.clock_ns, batch.time_ns[row])
        run.loop.freed += 1
        if self.steering is not None:
            self.steering.freed(pfn, order)
            migration = self.steering.migration
            if migration.is_moving(batch, row) and self._moved_away(pfn, order, cpu):
                return
        head = run.ledger.covering(pfn)
        if head < 0:
            self._free_unknown(pfn, order, cpu)
            return
        held = order_of(run.ledger.live[head])
        if held > order:
            self._split(head, (pfn - head) >> order, order)
        elif held < order:
            self._free_larger(pfn, order, cpu)
            return
        run.loop.results.append(self._release(pfn, cpu))

    def _moved_away(self, pfn: int, order: int, cpu: int) -> bool:
        """A free in the course of compaction; True when it was of a target not needed."""
        assert self.steering is not None
        run, migration = self._run, self.steering.migration
        target = migration.taken(pfn, order)
        if target < 0:
            return False
        head = run.ledger.covering(pfn)
        if head >= 0 or run.ledger.is_background(pfn, order):
            caller = caller_of(run.ledger.live[head]) if head >= 0 else 0
            migration.keep(target, pfn, order, caller)
            return False
        run.machine.free_pages(target, order, cpu)
        run.loop.results.append(RESULT_IGNORED)
        return True

    def _split(self, head: int, piece: int, order: int) -> None:
        """Cut a block of which a part is freed; one block counts once."""
        if head not in self._pieces:
            self._count("split_free")
        self._pieces.update(key for key, _ in self._run.ledger.split(head, piece, order))

    def _free_larger(self, pfn: int, order: int, cpu: int) -> None:
        """A free of more pages than one live block there: a fallback's pieces, or a mismatch."""
        live = self._run.ledger.live
        pieces = [key for key in range(pfn, pfn + (1 << order)) if key in live]
        if sum(1 << order_of(live[key]) for key in pieces) != 1 << order:
            self._count("order_mismatch")
        for key in pieces:
            self._run.loop.results.append(self._release(key, cpu))

    def _release(self, pfn: int, cpu: int) -> int:
        """Free a live block by key; its simulated pfn, or RESULT_IGNORED."""
        run = self._run
        entry = run.ledger.remove(pfn)
        self._pieces.discard(pfn)
        sim, order = sim_pfn_of(entry), order_of(entry)
        if sim == NOWHERE:
            return RESULT_IGNORED
        run.hold(caller_of(entry), -(1 << order))
        run.machine.free_pages(sim, order, cpu)
        return sim

    def _free_unknown(self, pfn: int, order: int, cpu: int) -> None:
        """A page from before the recording: give back that very one, or another such."""
        run, ledger = self._run, self._run.ledger
        self._count("free_unknown")
        if ledger.is_background(pfn, order):
            run.machine.free_pages(pfn, order, cpu)
            run.loop.results.append(pfn)
            return
        key = self.steering.migration.give_back(pfn, order) if self.steering else -1
        if key >= 0:
            run.loop.results.append(self._release(key, cpu))
            return
        self._counts["free_of_free_pages"] = self._counts.get("free_of_free_pages", 0) + (
            1 << order
        )
        if not self._recorded and not run.exact_start:
            for _ in range(1 << order):
                other = ledger.next_background()
                if other >= 0:
                    run.machine.free_pages(other, 0, cpu)
        run.loop.results.append(RESULT_IGNORED)


def _cause_at_the_marks(failure: Failure, machine: Machine) -> str:
    """Cause of a recorded failure for which the model has a page.

    Close to the marks the model is merely some pages off.  With plenty free the kernel had a
    reason outside the allocator, such as a memory cgroup's limit or a task being killed.
    """
    marks = {(zone.name, zone.node): zone.mark_high for zone in machine.zones}
    close = all(zone.free <= marks[zone.name, zone.node] * 2 for zone in failure.zones)
    return "below-watermark" if close else "unexplained"

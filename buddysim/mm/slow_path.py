"""The slow path: what happens after the first attempt failed (fact sheet 5.2 .. 5.7).

One class per request, one method per stage of the decision tree, so that the tree reads as in the
fact sheet.  Reclaim, compaction, kswapd and OOM are asked of the machine's hooks.  Bounded where
the kernel is not: after ``MAX_LOOPS`` rounds an endless request is declared failed and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.kernel.gfp import Gfp
from buddysim.mm.alloc_flags import reserve_flags
from buddysim.mm.cause import explain_failure
from buddysim.mm.fallback import (
    ALLOC_CMA,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
)
from buddysim.mm.protocols import CompactPriority, CompactResult

if TYPE_CHECKING:
    from buddysim.mm.failure import Failure
    from buddysim.mm.machine import Machine
    from buddysim.mm.request import Request

__all__ = ["MAX_LOOPS", "SlowPath"]

MAX_LOOPS = 1000
MAX_RECLAIM_RETRIES = 16
MAX_COMPACT_RETRIES = 16
COSTLY_ORDER = 3
_WMARK_MIN = 0
_WMARK_HIGH = 2

_WAIT = int(Gfp.DIRECT_RECLAIM)
_KSWAPD = int(Gfp.KSWAPD_RECLAIM)
_NORETRY = int(Gfp.NORETRY)
_MAYFAIL = int(Gfp.RETRY_MAYFAIL) | int(Gfp.REPEAT)
_NOFAIL = int(Gfp.NOFAIL)
_IO = int(Gfp.IO)
_FS = int(Gfp.FS)
_THISNODE = int(Gfp.THISNODE)
_NOMEMALLOC = int(Gfp.NOMEMALLOC)
_MOVABLE_TYPE = 1
_CLASS_NORMAL = 2
_NOT_RUN = (CompactResult.SKIPPED, CompactResult.DEFERRED)


class SlowPath:
    """One request's way through the slow path.  ``run()`` returns a pfn or -1."""

    def __init__(self, machine: Machine, request: Request, *, begun: bool = False) -> None:
        """``begun``: kswapd was woken and the lists were tried, in vain, since the last event."""
        self.machine = machine
        self.begun = begun
        self.request = request
        self.zonelist = machine.allocator.zonelist_of(request.gfp, request.node)
        self.flags = machine.flags_of(request)
        self.no_progress_loops = 0
        self.compact_retries = 0
        self.compact_priority = CompactPriority.SYNC_LIGHT
        self.compact_result = CompactResult.SKIPPED
        self.reclaim_rounds = 0
        self.compact_rounds = 0
        self.oom_kills = 0

    def run(self) -> int:
        """Decide by the profile's era."""
        if self.machine.profile.slowpath == "2.6.25":
            return self.run_2_6_25()
        if self.machine.profile.slowpath in {"2.6.32", "3.13"}:
            return self.run_3_13()
        return self.run_modern()

    def explanation(self) -> Failure:
        """Why it failed, told right after :meth:`run`."""
        return explain_failure(
            self.machine.allocator,
            self.request,
            self.flags,
            reclaim_rounds=self.reclaim_rounds,
            compact_rounds=self.compact_rounds,
            oom_kills=self.oom_kills,
        )

    # Attempts.

    def attempt(self, flags: int) -> int:
        """One pass over the zonelist."""
        request = self.request
        return self.machine.allocator.get_page(
            request.order,
            request.migratetype,
            request.class_index,
            flags,
            self.zonelist,
            request.cpu,
        )

    def wake_kswapd(self) -> None:
        """S1: wake kswapd of every node, if the mask allows (8.1)."""
        if self.flags & ALLOC_KSWAPD:
            self.machine.hooks.kswapd.wake(self.machine, self.request)

    def woken_attempt(self) -> int:
        """S1, S2: wake kswapd, then one pass over the zonelist."""
        if self.begun:
            self.begun = False
            return -1
        self.wake_kswapd()
        return self.attempt(self.flags)

    def take_reserves(self) -> int:
        """S4: the right to go below every mark, as a flag word for this attempt."""
        request = self.request
        rights = reserve_flags(
            request.gfp, memalloc_task=request.memalloc_task, oom_victim=request.oom_victim
        )
        if rights:
            self.flags = rights | (self.flags & (ALLOC_KSWAPD | ALLOC_CMA))
        return rights

    def direct_reclaim(self) -> int:
        """S7: pages reclaimed; counts one allocstall."""
        self.reclaim_rounds += 1
        self.machine.count_allocstall(self.request.class_index)
        return self.machine.hooks.reclaim.reclaim(self.machine, self.request)

    def direct_compact(self, priority: CompactPriority) -> int:
        """S3/S8: compact, then try the lists; pfn or -1."""
        machine = self.machine
        if self.request.order == 0 or not machine.profile.compaction:
            self.compact_result = CompactResult.SKIPPED
            return -1
        result = machine.hooks.compaction.compact(machine, self.request, priority)
        self.compact_result = result
        if result in _NOT_RUN:
            return -1
        self.compact_rounds += 1
        machine.vmstat.add("compact_stall")
        pfn = self.attempt(self.flags)
        machine.vmstat.add("compact_success" if pfn >= 0 else "compact_fail")
        machine.hooks.compaction.deferred(machine, self.request, pfn >= 0)
        return pfn

    # Modern (4.4 and later share its shape).

    def run_modern(self) -> int:
        """Stages S0 .. S15."""
        request = self.request
        gfp = request.gfp
        pfn = self.woken_attempt()
        if pfn < 0:
            pfn = self.early_compaction()
        loops = 0
        while pfn < 0 and loops < MAX_LOOPS:
            loops += 1
            pfn, again = self.retry_round()
            if pfn < 0 and not again:
                if not gfp & _NOFAIL or not gfp & _WAIT:
                    return -1
                pfn = self.attempt(self.flags | ALLOC_MIN_RESERVE)
        return pfn

    def early_compaction(self) -> int:
        """S3: costly or unmovable high orders compact before reclaiming; pfn or -1."""
        request = self.request
        gfp = request.gfp
        order = request.order
        if not gfp & _WAIT or not gfp & _IO or order == 0:
            return -1
        if order <= COSTLY_ORDER and request.migratetype == _MOVABLE_TYPE:
            return -1
        if reserve_flags(gfp, memalloc_task=request.memalloc_task):
            return -1
        pfn = self.direct_compact(CompactPriority.ASYNC)
        if pfn < 0 and order > COSTLY_ORDER and gfp & _NORETRY:
            self.compact_priority = CompactPriority.ASYNC
        return pfn

    def gives_up_early(self) -> bool:
        """S3's exits of a costly NORETRY request after its first compaction."""
        request = self.request
        if request.order <= COSTLY_ORDER or not request.gfp & _NORETRY:
            return False
        skipped = self.compact_result in _NOT_RUN
        return bool(request.gfp & _WAIT and (skipped or request.gfp & _THISNODE))

    def retry_round(self) -> tuple[int, bool]:
        """S4 .. S15 once: (pfn or -1, go round again?)."""
        request = self.request
        gfp = request.gfp
        if self.reclaim_rounds == 0 and self.gives_up_early():
            return -1, False
        self.wake_kswapd()
        self.take_reserves()
        pfn = self.attempt(self.flags)
        if pfn >= 0 or not gfp & _WAIT or request.memalloc_task:
            return pfn, False
        progress = self.direct_reclaim()
        if progress:
            pfn = self.after_reclaim()
        if pfn < 0:
            pfn = self.direct_compact(self.compact_priority)
        if pfn >= 0:
            return pfn, False
        return self.decide_retry(progress)

    def after_reclaim(self) -> int:
        """S7: lists; then give up one highatomic block, drain pcp, lists again; pfn or -1."""
        pfn = self.attempt(self.flags)
        if pfn < 0:
            self.machine.unreserve_highatomic(self.request, force=False)
            self.machine.drain_all_pages()
            pfn = self.attempt(self.flags)
        return pfn

    def decide_retry(self, progress: int) -> tuple[int, bool]:
        """S9 .. S15."""
        request = self.request
        gfp = request.gfp
        costly = request.order > COSTLY_ORDER
        if gfp & _NORETRY:
            return -1, False
        if costly and not (gfp & _MAYFAIL and self.may_compact()):
            return -1, False
        if self.should_reclaim_retry(progress) or (
            progress and self.may_compact() and self.should_compact_retry()
        ):
            return -1, True
        pfn, killed = self.out_of_memory()
        if pfn >= 0 or not killed:
            return pfn, False
        if request.oom_victim:
            return -1, False
        self.no_progress_loops = 0
        return -1, True

    def may_compact(self) -> bool:
        """Compaction needs __GFP_IO (4.5)."""
        return bool(self.request.gfp & _IO) and self.machine.profile.compaction

    def should_reclaim_retry(self, progress: int) -> bool:
        """5.3: is there enough reclaimable memory that another round may help?"""
        request = self.request
        machine = self.machine
        if progress and request.order <= COSTLY_ORDER:
            self.no_progress_loops = 0
        else:
            self.no_progress_loops += 1
        if self.no_progress_loops <= MAX_RECLAIM_RETRIES:
            for zone in self.zonelist:
                if zone.zone_index > request.class_index:
                    continue
                available = zone.true_free + machine.hooks.reclaim.reclaimable(
                    machine, zone.node, zone.zone_index
                )
                mark = zone.wmark(_WMARK_MIN)
                if zone.watermark_ok(
                    request.order, mark, request.class_index, self.flags, available
                ):
                    return True
        return machine.unreserve_highatomic(request, force=True)

    def should_compact_retry(self) -> bool:
        """5.3: another compaction, perhaps harder?"""
        if self.request.order == 0 or self.compact_result == CompactResult.SKIPPED:
            return False
        limit = MAX_COMPACT_RETRIES
        if self.request.order > COSTLY_ORDER:
            limit //= 4
        if self.compact_result == CompactResult.SUCCESS:
            self.compact_retries += 1
            return self.compact_retries <= limit
        hardest = (
            CompactPriority.SYNC_LIGHT
            if self.request.order > COSTLY_ORDER
            else CompactPriority.SYNC_FULL
        )
        if self.compact_priority > hardest:
            self.compact_priority = CompactPriority(self.compact_priority - 1)
            self.compact_retries = 0
            return True
        return False

    def out_of_memory(self) -> tuple[int, bool]:
        """S13 and 5.4: a last look at the high mark, then perhaps a kill: (pfn, progress)."""
        request = self.request
        gfp = request.gfp
        pfn = self.attempt(_WMARK_HIGH | (self.flags & ALLOC_CMA))
        if pfn >= 0:
            return pfn, True
        if request.order > COSTLY_ORDER or gfp & (_MAYFAIL | _THISNODE):
            return -1, False
        if request.class_index < _CLASS_NORMAL and self.machine.has_normal_zone:
            return -1, False
        if not gfp & _FS:
            return -1, True
        killed = self.machine.hooks.oom.kill(self.machine, request)
        if killed:
            self.oom_kills += 1
            self.machine.vmstat.add("oom_kill")
        if killed and gfp & _NOFAIL:
            pfn = self.attempt(self.flags | ALLOC_NO_WATERMARKS)
        return pfn, killed

    # 2.6.32 .. 3.13 (fact sheet 5.7).

    def run_3_13(self) -> int:
        """Slow path with implicit retry of small orders; compaction only where the era has it."""
        request = self.request
        gfp = request.gfp
        reclaimed = 0
        for _ in range(MAX_LOOPS):
            pfn = self.woken_attempt()
            if pfn < 0 and self.take_reserves():
                pfn = self.attempt(self.flags)
            if pfn >= 0 or not gfp & _WAIT or request.memalloc_task:
                return pfn
            pfn = self.direct_compact(CompactPriority.ASYNC)
            if pfn >= 0:
                return pfn
            progress = self.direct_reclaim()
            reclaimed += progress
            pfn = self.reclaimed_or_oom(progress)
            if pfn >= 0:
                return pfn
            if not self.should_alloc_retry(progress, reclaimed):
                return self.direct_compact(CompactPriority.SYNC_LIGHT)
        return -1

    def reclaimed_or_oom(self, progress: int) -> int:
        """The lists after reclaim (draining pcp), or the OOM stage without progress."""
        gfp = self.request.gfp
        if progress:
            pfn = self.attempt(self.flags)
            if pfn < 0:
                self.machine.drain_all_pages()
                pfn = self.attempt(self.flags)
            return pfn
        if gfp & _FS and not gfp & _NORETRY and self.request.order <= COSTLY_ORDER:
            return self.out_of_memory()[0]
        return -1

    def should_alloc_retry(self, progress: int, reclaimed: int) -> bool:
        """3.13: NORETRY no, NOFAIL yes, small orders yes, REPEAT while it reclaims too little."""
        request = self.request
        if request.gfp & _NORETRY:
            return False
        if request.gfp & _NOFAIL:
            return True
        if request.order <= COSTLY_ORDER:
            return True
        return bool(request.gfp & _MAYFAIL) and progress > 0 and reclaimed < 1 << request.order

    # 2.6.25 (fact sheet 5.6).

    def run_2_6_25(self) -> int:
        """No compaction, no retry limit: small sleeping requests loop for ever."""
        request = self.request
        gfp = request.gfp
        self.machine.hooks.kswapd.wake(self.machine, request)
        pfn = self.attempt(self.flags)
        for _ in range(MAX_LOOPS):
            if pfn >= 0:
                return pfn
            if request.memalloc_task or request.oom_victim or gfp & int(Gfp.MEMALLOC):
                if gfp & _NOMEMALLOC:
                    return -1
                return self.attempt(self.flags | ALLOC_NO_WATERMARKS)
            if not gfp & _WAIT:
                return -1
            progress = self.direct_reclaim()
            if request.order:
                self.machine.drain_all_pages()
            pfn = self.tried_2_6_25(progress)
            if pfn < 0 and not self.retries_2_6_25(progress):
                return -1
        return pfn

    def tried_2_6_25(self, progress: int) -> int:
        """Step 9: lists on progress, OOM stage without."""
        gfp = self.request.gfp
        if progress:
            return self.attempt(self.flags)
        if gfp & _FS and not gfp & _NORETRY:
            return self.out_of_memory()[0]
        return -1

    def retries_2_6_25(self, progress: int) -> bool:
        """Step 10, and step 9's exit for costly orders without progress."""
        gfp = self.request.gfp
        if gfp & _NORETRY:
            return False
        if self.request.order > COSTLY_ORDER and not progress and gfp & _FS:
            return False
        return self.request.order <= COSTLY_ORDER or bool(gfp & (_MAYFAIL | _NOFAIL))

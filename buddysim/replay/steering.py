"""Events of a recording that steer a model-placement replay without placing a page.

The recorded kernel's pcp traffic, reclaim, compaction and OOM kills happened; a replay in model
placement follows them and predicts what the allocator made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from buddysim.kernel.gfp_table import Gfp
from buddysim.mm.request import Request
from buddysim.replay.pcp_traffic import PcpTraffic
from buddysim.replay.recorded_migration import RecordedMigration
from buddysim.replay.recorded_reclaim import RecordedReclaim, shortage
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.failure import Failure
    from buddysim.replay.run import Run, Site

__all__ = ["Steering"]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_EXTFRAG = int(EventKind.EXTFRAG)
_TRAFFIC = frozenset({int(EventKind.ZONE_LOCKED), int(EventKind.PCPU_DRAIN)})
_KSWAPD = frozenset({int(EventKind.KSWAPD_WAKE), int(EventKind.KSWAPD_SLEEP)})
_WAIT = int(Gfp.DIRECT_RECLAIM)
_CLOSE = 4
"""Pages that events do not tell of are few: at most this part of the min mark."""
_NEVER = 1 << 62
_LARGE_ORDER = re.compile(rb"[\x04-\x0a]")
_TO_ENGINE = 0
"""A handle >= 0 makes the inner loop give a row to the engine; recordings have none."""


class Steering:
    """Follows one recording; only in model placement."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.traffic = PcpTraffic(run.machine)
        self.reclaim = RecordedReclaim(run)
        self.migration = RecordedMigration(run, self.traffic)
        self._handlers: dict[int, Callable[[EventBatch, int], None]] = {
            int(EventKind.ZONE_LOCKED): self._locked,
            int(EventKind.PCPU_DRAIN): self._drained,
            int(EventKind.KSWAPD_WAKE): self._kswapd_wakes,
            int(EventKind.KSWAPD_SLEEP): self._kswapd_sleeps,
            int(EventKind.WAKEUP_KSWAPD): self._wakeup,
            int(EventKind.RECLAIM_BEGIN): self._reclaim_begins,
            int(EventKind.RECLAIM_END): self._reclaim_ends,
            int(EventKind.COMPACTION_BEGIN): self._compaction_begins,
            int(EventKind.MARK_VICTIM): self._victim,
            int(EventKind.LOST): self._lost,
        }
        for kind in self._handlers.keys() - _TRAFFIC:
            run.loop.quiet[kind] = 0
        self._exact = run.exact_start
        self._boosts_told = False
        self._last_traffic = -1
        self._run_ends: dict[int, int] = {}
        self._next_end = _NEVER

    def prepare(self, batch: EventBatch) -> None:
        """Look through a batch before it is replayed: what must not go by unseen?"""
        if not self._exact:
            return
        kinds = batch.kind
        if not self._boosts_told and _EXTFRAG in kinds:
            self._boosts_told = True
            self.traffic.begin_boosts()
        if not self.traffic.active and any(kind in kinds for kind in _TRAFFIC):
            self.traffic.begin()
            for kind in _TRAFFIC:
                self._run.loop.quiet[kind] = 0
        for match in _LARGE_ORDER.finditer(batch.order.tobytes()):
            if kinds[match.start()] == _FREE:
                batch.handle[match.start()] = _TO_ENGINE
        self.migration.prepare(batch)

    def row(self, batch: EventBatch, row: int) -> bool:
        """Take one row in; False when it is none of these events."""
        if batch.first + row > self._next_end:
            self._end_runs(batch.first + row)
        handler = self._handlers.get(batch.kind[row])
        if handler is None:
            return False
        handler(batch, row)
        return True

    # Requests.

    def request(self, batch: EventBatch, row: int, site: Site) -> tuple[Request, Failure | None]:
        """A row's request with its task's rights, and the refusal it met before, if any."""
        self._settle(batch, row)
        request = self.reclaim.request(site)
        return request, self.reclaim.answered(batch, row, site)

    def granted(self, request: Request, pfn: int) -> None:
        """The recording has a page where the model had none: what is known was too little.

        With exact free counts the boost is in doubt first, and a request that may have slept says
        nothing about the moment.
        """
        zone = self._run.machine.allocator.zone_of(pfn)
        if zone is None:
            return
        missing = shortage(self._run.machine, request, zone)
        if missing <= 0 or (self.traffic.active and request.gfp & _WAIT):
            return
        if not self.traffic.active:
            zone.settle_free(zone.true_free + missing, False)
        elif missing <= zone.boost:
            zone.boost -= missing
        elif missing <= zone.mark_min // _CLOSE:
            self.traffic.granted(zone, missing)

    def refused(self, request: Request) -> None:
        """The recording has a refusal where the model had a page: too much was thought free."""
        self.reclaim.correct(request, exact=self.traffic.active)

    def freed(self, pfn: int, order: int) -> None:
        """A recorded free of a block that by-passes the pcp lists."""
        if self.traffic.active and self.traffic.is_direct(pfn, order):
            self.traffic.changed(pfn, 1 << order)

    # pcp traffic.

    def extfrag(self, batch: EventBatch, row: int) -> None:
        """A recorded fallback."""
        if self._boosts_told:
            self._enter(batch, row)
            aux = batch.aux[row]
            self.traffic.fallback(
                batch.cpu[row],
                batch.pfn[row],
                batch.order[row],
                batch.migratetype[row],
                aux & 0xFF,
                owned=bool(aux >> 17 & 1),
            )

    def _locked(self, batch: EventBatch, row: int) -> None:
        if self.traffic.active:
            self._enter(batch, row)
            self.traffic.locked(
                batch.cpu[row],
                batch.pfn[row],
                batch.order[row],
                batch.migratetype[row],
                refill=batch.aux[row] == 1,
            )

    def _drained(self, batch: EventBatch, row: int) -> None:
        if self.traffic.active:
            self._enter(batch, row)
            self.traffic.drained(
                batch.cpu[row], batch.pfn[row], batch.order[row], batch.migratetype[row]
            )

    def _enter(self, batch: EventBatch, row: int) -> None:
        """Does this event belong to the same request as the one before?"""
        if self._last_traffic != batch.first + row - 1 and self._allocated_since(batch, row):
            self.traffic.new_burst()
        self._last_traffic = batch.first + row

    def _allocated_since(self, batch: EventBatch, row: int) -> bool:
        """Was anything allocated between the last pcp event and this row?"""
        last = self._last_traffic - batch.first
        return last < 0 or _ALLOC in batch.kind[last + 1 : row]

    def _lost(self, batch: EventBatch, row: int) -> None:
        """After a gap the kernel's counts are unknown."""
        if self.traffic.active:
            self.traffic.stop()
        self._exact = False

    # Reclaim.

    def _kswapd_wakes(self, batch: EventBatch, row: int) -> None:
        self._settle(batch, row)
        node = batch.aux[row]
        self.reclaim.kswapd_wakes(node)
        self._run_ends[node] = self._end_of_run(batch, row)
        self._next_end = min(self._run_ends.values())

    def _kswapd_sleeps(self, batch: EventBatch, row: int) -> None:
        self.reclaim.kswapd_ends(batch.aux[row])
        self._run_ends.pop(batch.aux[row], None)
        self._next_end = min(self._run_ends.values(), default=_NEVER)

    def _end_of_run(self, batch: EventBatch, row: int) -> int:
        """Index of the last event kswapd causes in the run that begins here."""
        kinds, tasks, task = batch.kind, batch.task, batch.task[row]
        last = row
        for later in range(row + 1, len(batch)):
            if tasks[later] == task:
                if kinds[later] in _KSWAPD and batch.aux[later] == batch.aux[row]:
                    return batch.first + last
                last = later
        return _NEVER

    def _end_runs(self, now: int) -> None:
        for node in [node for node, end in self._run_ends.items() if end < now]:
            self.reclaim.kswapd_ends(node)
            del self._run_ends[node]
        self._next_end = min(self._run_ends.values(), default=_NEVER)

    def _settle(self, batch: EventBatch, row: int) -> None:
        self.traffic.settle(before_request=not self._allocated_since(batch, row))

    def _wakeup(self, batch: EventBatch, row: int) -> None:
        self._settle(batch, row)
        self.reclaim.slow_path(batch, row)

    def _reclaim_begins(self, batch: EventBatch, row: int) -> None:
        self._settle(batch, row)
        self.reclaim.reclaim_begins(batch, row, exact=self.traffic.active)

    def _reclaim_ends(self, batch: EventBatch, row: int) -> None:
        self._settle(batch, row)
        self.reclaim.reclaim_ends(batch, row)

    def _victim(self, batch: EventBatch, row: int) -> None:
        self.reclaim.victim(batch.aux[row])

    def _compaction_begins(self, batch: EventBatch, row: int) -> None:
        self.migration.begins()

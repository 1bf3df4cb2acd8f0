"""What a recording says about reclaim: who runs with which rights, and what kswapd and direct
reclaim did (fact sheet 3.3, 5.2, 8.1, 8.2).

A model of reclaim would have to guess; the events tell.  Used in model placement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buddysim.kernel.context import Context
from buddysim.kernel.gfp_table import Gfp
from buddysim.mm.alloc_flags import reserve_flags
from buddysim.mm.failure import Failure
from buddysim.mm.fallback import ALLOC_CMA, ALLOC_KSWAPD, ALLOC_NO_WATERMARKS
from buddysim.mm.request import Request
from buddysim.replay.failure import explain_unasked
from buddysim.replay.policies import RecordedKswapd
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.mm.zone import Zone
    from buddysim.replay.run import Run, Site

__all__ = ["RecordedReclaim"]

_KSWAPD_NAME = re.compile(r"kswapd\d+")
_WAIT = int(Gfp.DIRECT_RECLAIM)
_ALLOC = int(EventKind.ALLOC)
_WMARK_MASK = 3
_HARD_CONTEXTS = int(Context.HARDIRQ)


@dataclass
class _SlowRoad:
    """One task's request that recorded events show on the slow path."""

    order: int
    gfp: int
    event: int
    refused: Failure | None
    """Why the model would have refused it at the min mark, when the kernel tried; else None."""
    reclaimed: int = -1
    """Pages its direct reclaim freed; -1 before that ended, or when it did none."""


class RecordedReclaim:
    """Follows the reclaim events of one replay."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._roads: dict[tuple[int, bool], _SlowRoad] = {}
        self._reclaiming: set[int] = set()
        self._victims: set[int] = set()
        self._is_kswapd: dict[int, bool] = {}
        self._boosts: dict[int, list[tuple[Zone, int]]] = {}
        self.last_reclaimed = -1
        """Pages that the direct reclaim of the request last answered freed; -1: it did none."""
        self.told = False
        """The recording has reclaim events."""

    # kswapd.

    def kswapd_wakes(self, node: int) -> None:
        """A balancing run begins; the one before is over."""
        self.kswapd_ends(node)
        zones = [zone for zone in self._run.machine.zones if zone.node == node]
        self.told = True
        kswapd = self._run.machine.hooks.kswapd
        if isinstance(kswapd, RecordedKswapd):
            kswapd.told = True
        self._boosts[node] = [(zone, zone.boost) for zone in zones]
        for zone in zones:
            zone.reclaim_active = True

    def kswapd_ends(self, node: int) -> None:
        """A run takes back the boost it saw when it began (3.3), and pcp lists may grow again."""
        for zone, boost in self._boosts.pop(node, ()):
            zone.boost -= min(zone.boost, boost)
            zone.reclaim_active = False

    # Requests on the slow path.

    def slow_path(self, batch: EventBatch, row: int) -> None:
        """The request of a task woke kswapd or began direct reclaim: does the model refuse it?"""
        task, order, gfp = batch.task[row], batch.order[row], batch.gfp[row]
        if self._road_of(batch, row, order, gfp) is None:
            request = self._rights(Request(order, gfp, batch.cpu[row]), task)
            refused = refusal(self._run.machine, request)
            self._roads[self._key(task)] = _SlowRoad(order, gfp, batch.first + row, refused)

    def reclaim_begins(self, batch: EventBatch, row: int, *, exact: bool) -> None:
        """Direct reclaim: every zone refused the task's request, whatever the model thinks.

        The task may use the reserves until it ends (PF_MEMALLOC).
        """
        self.slow_path(batch, row)
        task = batch.task[row]
        road = self._roads[self._key(task)]
        if road.refused is None:
            request = self._rights(Request(road.order, road.gfp, batch.cpu[row]), task)
            if not exact:
                self.correct(request, exact=False)
            road.refused = explain_unasked(self._run, request)
        road.reclaimed = max(road.reclaimed, 0)
        self._reclaiming.add(task)
        self.told = True

    def correct(self, request: Request, *, exact: bool) -> None:
        """The kernel refused a request that a zone here would grant, near its mark: with exact free
        counts the boost is larger than thought, else fewer pages are on the buddy lists."""
        machine = self._run.machine
        for zone in machine.allocator.zonelist_of(request.gfp, request.node):
            if zone.zone_index > request.class_index:
                continue
            ahead = 1 - shortage(machine, request, zone)
            if not 0 < ahead <= zone.mark_high:
                continue
            if exact:
                zone.boost += ahead
            else:
                zone.settle_free(zone.true_free - ahead, False)

    def reclaim_ends(self, batch: EventBatch, row: int) -> None:
        """Progress means that the kernel tried again; would the model have given a page?"""
        task = batch.task[row]
        self._reclaiming.discard(task)
        road = self._roads.get(self._key(task))
        if road is None:
            return
        road.event = batch.first + row
        road.reclaimed = batch.aux[row]
        if road.reclaimed > 0 and road.refused is not None:
            request = self._rights(Request(road.order, road.gfp, batch.cpu[row]), task)
            road.refused = refusal(self._run.machine, request)

    def victim(self, pid: int) -> None:
        """The OOM killer chose a process: it may go below the marks by half from now on."""
        self._victims.add(pid)

    def request(self, site: Site) -> Request:
        """The request of a row, with what its task is entitled to."""
        return self._rights(site.request(), site.task)

    def answered(self, batch: EventBatch, row: int, site: Site) -> Failure | None:
        """The model's refusal when the kernel last tried, where that was before the row.

        Only where nothing came between that can have helped: no reclaim, or one without progress.
        """
        road = self._road_of(batch, row, site.order, site.gfp)
        self.last_reclaimed = -1 if road is None else road.reclaimed
        if road is None:
            return None
        del self._roads[self._key(site.task)]
        return road.refused if road.reclaimed <= 0 else None

    def _road_of(self, batch: EventBatch, row: int, order: int, gfp: int) -> _SlowRoad | None:
        """What is known of the request that a task's event is about, unless that was an older one:
        one that the inner loop answered in between."""
        task = batch.task[row]
        road = self._roads.get(self._key(task))
        if road is None or (road.order, road.gfp) != (order, gfp):
            return None
        kinds, tasks = batch.kind, batch.task
        later = range(max(road.event - batch.first + 1, 0), row)
        if any(kinds[each] == _ALLOC and tasks[each] == task for each in later):
            return None
        return road

    def _key(self, task: int) -> tuple[int, bool]:
        """Within its own direct reclaim a task makes requests of another kind."""
        return task, task in self._reclaiming

    def _rights(self, request: Request, task: int) -> Request:
        if not request.context & _HARD_CONTEXTS:
            request.memalloc_task = task in self._reclaiming or self._kswapd(task)
            request.oom_victim = bool(self._victims) and self._pid(task) in self._victims
        request.class_index = self._run.machine.allocator.class_index(request.gfp)
        request.migratetype = self._run.machine.allocator.migratetype_of(request.gfp)
        return request

    def _kswapd(self, task: int) -> bool:
        known = self._is_kswapd.get(task)
        if known is None:
            known = _KSWAPD_NAME.fullmatch(self._run.comm(task)) is not None
            self._is_kswapd[task] = known
        return known

    def _pid(self, task: int) -> int:
        pid = self._run.tables.tasks[task].rpartition("-")[2]
        return int(pid) if pid.isdecimal() else -1


def refusal(machine: Machine, request: Request) -> Failure | None:
    """Why no zone passes a request's checks of the slow path now, or None if one does."""
    words = _flags_of(machine, request)
    for zone in machine.allocator.zonelist_of(request.gfp, request.node):
        if zone.zone_index <= request.class_index and any(
            _passes(zone, request, word) for word in words
        ):
            return None
    return machine.explain(request, words[-1])


def shortage(machine: Machine, request: Request, zone: Zone) -> int:
    """Pages that a zone lacks to pass a request's checks at the min mark; 0 or less: none.

    Whether there is a block of the order is another question.
    """
    lacking = []
    for word in _flags_of(machine, request):
        if word & ALLOC_NO_WATERMARKS:
            return 0
        mark = zone.lowered_min(zone.wmark(word & _WMARK_MASK), word)
        usable = zone.free - zone.unusable_free(request.order, word)
        lacking.append(mark + zone.lowmem_reserve[request.class_index] + 1 - usable)
    return min(lacking)


def _flags_of(machine: Machine, request: Request) -> list[int]:
    """Flag words of the slow path's attempts: plain, then with the task's right to reserves."""
    flags = machine.flags_of(request)
    rights = reserve_flags(
        request.gfp, memalloc_task=request.memalloc_task, oom_victim=request.oom_victim
    )
    return [flags, rights | flags & (ALLOC_KSWAPD | ALLOC_CMA)] if rights else [flags]


def _passes(zone: Zone, request: Request, flags: int) -> bool:
    mark = zone.wmark(flags & _WMARK_MASK)
    return bool(flags & ALLOC_NO_WATERMARKS) or zone.watermark_fast(
        request.order, mark, request.class_index, flags
    )

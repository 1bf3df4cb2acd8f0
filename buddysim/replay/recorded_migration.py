"""Page migration in a recording: its targets leave the free lists without an event.

Compaction takes target pages silently, copies, and frees the sources with an event.  So every page
that a task frees while it compacts tells of one that was taken: a source that was in use has moved
to a target nobody names; a page believed free was a target that was not needed.  Later a target is
freed as a page that nobody was ever seen to allocate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.kernel.context import Context
from buddysim.kernel.migratetype import MIGRATE_MOVABLE
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.zone import Zone
    from buddysim.replay.pcp_traffic import PcpTraffic
    from buddysim.replay.run import Run

__all__ = ["RecordedMigration"]

_MIGRATED = 1
"""Handle of a recorded free that belongs to a compaction; others have -1 or 0."""
_FIRST_KEY = 1 << 33
"""Ledger keys from here on are targets; recorded pfns are below."""
_ANY_TYPE = (1, 2, 0)
_FREE = int(EventKind.FREE)
_IRQ = int(Context.HARDIRQ | Context.SOFTIRQ | Context.NMI)
_BEGIN = int(EventKind.COMPACTION_BEGIN)
_END = int(EventKind.COMPACTION_END)


class RecordedMigration:
    """Targets of recorded migrations, as pages of the model that nobody may use meanwhile."""

    def __init__(self, run: Run, traffic: PcpTraffic) -> None:
        self._run = run
        self._machine = run.machine
        self._traffic = traffic
        self._looking: set[int] = set()
        self._targets: dict[tuple[int, int], list[int]] = {}
        """(zone number, order) -> keys in the ledger."""
        self._kept = 0
        self._scanner: dict[int, int] = {}

    def prepare(self, batch: EventBatch) -> None:
        """Mark the frees of tasks that are compacting, so that each is looked at."""
        kinds = batch.kind
        if not self._looking and _BEGIN not in kinds:
            return
        tasks, contexts = batch.task, batch.context
        for row, kind in enumerate(kinds):
            if kind == _BEGIN:
                self._looking.add(tasks[row])
            elif kind == _END:
                self._looking.discard(tasks[row])
            elif kind == _FREE and tasks[row] in self._looking and not contexts[row] & _IRQ:
                batch.handle[row] = _MIGRATED

    @staticmethod
    def is_moving(batch: EventBatch, row: int) -> bool:
        """Is a row the free of a task that is compacting?"""
        return batch.handle[row] == _MIGRATED

    def begins(self) -> None:
        """A compaction: its free scanner starts at the zones' ends."""
        self._scanner.clear()

    def taken(self, pfn: int, order: int) -> int:
        """A target of the size and in the zone of a page just freed; its pfn, or -1."""
        for number, zone in enumerate(self._machine.zones):
            if zone.start_pfn <= pfn < zone.end_pfn:
                return self._isolate(number, zone, order)
        return -1

    def keep(self, target: int, pfn: int, order: int, caller: int) -> None:
        """A target holds a caller's page until the recording frees one it never saw allocated."""
        key = _FIRST_KEY + self._kept
        self._kept += 1 << order
        self._run.ledger.add(key, target, caller, order)
        self._run.hold(caller, 1 << order)
        self._targets.setdefault((self._number(pfn), order), []).append(key)

    def give_back(self, pfn: int, order: int) -> int:
        """Ledger key of a kept target for a free of an unknown page, or -1."""
        kept = self._targets.get((self._number(pfn), order))
        return kept.pop() if kept else -1

    def _number(self, pfn: int) -> int:
        for number, zone in enumerate(self._machine.zones):
            if zone.start_pfn <= pfn < zone.end_pfn:
                return number
        return -1

    def _isolate(self, number: int, zone: Zone, order: int) -> int:
        """Take a free block below the free scanner from a movable pageblock, else any; or -1."""
        index = self._below(number, zone, order)
        if index >= 0:
            zone.take_pages(index, order)
        else:
            found = (zone.rmqueue_smallest(order, migratetype) for migratetype in _ANY_TYPE)
            index = next((each for each in found if each >= 0), -1)
        if index < 0:
            return -1
        self._traffic.changed(index + zone.base, -(1 << order))
        return index + zone.base

    def _below(self, number: int, zone: Zone, order: int) -> int:
        """Next free block of a movable pageblock, downwards; one pass in each compaction."""
        index = self._scanner.get(number, zone.end - 1) >> order << order
        while index >= zone.start:
            head = zone.block_of(index)
            if (
                head >= 0
                and zone.order_of[head] >= order
                and zone.pageblock[index >> zone.pageblock_order] == MIGRATE_MOVABLE
            ):
                break
            index -= 1 << order
        self._scanner[number] = index
        return index if index >= zone.start else -1

"""A plan as a trace: the recording that a kernel running it would have made."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from time import process_time

from buddysim.bench.plan import AllocPlan
from buddysim.mm.machine import MachineSpec, build_machine
from buddysim.source.event import BATCH_EVENTS, EventBatch, EventKind, Tables, TraceMeta

__all__ = ["PlanTrace"]

_STEP_NS = 1000
_CALLERS = 96
_TASKS = 16
_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)


class PlanTrace:
    """A :class:`~buddysim.source.event.Trace` of a plan, or of ``events`` rows of it.

    More rows than the plan has repeat it, which must be drained for that.  The pfns are those of
    a model machine of ``mem_bytes`` that ran the plan once, so that blocks never overlap.  One
    cycle is kept in memory, whatever their number.  Raises ValueError when the machine is too
    small for the plan.
    """

    def __init__(self, plan: AllocPlan, mem_bytes: int, events: int = 0) -> None:
        self.meta = TraceMeta(path="plan", format="packed", profile="6.12")
        self.tables = Tables(
            callers=[f"caller_{number}" for number in range(_CALLERS)],
            tasks=[f"task-{1000 + number}" for number in range(_TASKS)],
        )
        self.events = events or plan.events
        self.began = 0.0
        """CPU time of the process when the rows were last asked for, in seconds; later by what it
        took to make them."""
        self._cycle = list(_cycle_of(plan, mem_bytes))

    def expected_rows(self) -> int:
        """All of them."""
        return self.events

    def batches(self) -> Iterator[EventBatch]:
        """The rows in order; times go on from one cycle to the next."""
        self.began = process_time()
        per_cycle = sum(map(len, self._cycle))
        for first in range(0, self.events, per_cycle):
            for batch in self._cycle:
                left = self.events - first - batch.first
                if left > 0:
                    started = process_time()
                    later = _later(batch, first, left)
                    self.began += process_time() - started
                    yield later


def _cycle_of(plan: AllocPlan, mem_bytes: int) -> Iterator[EventBatch]:
    """The rows of one cycle, in batches."""
    allocator = build_machine(MachineSpec.from_mem(mem_bytes, profile="6.12")).allocator
    held = [(-1, 0)] * plan.nr_slots
    batch = EventBatch()
    for row, asked in enumerate(plan.order):
        slot = plan.slot[row]
        common = {"time_ns": row * _STEP_NS, "task": slot % _TASKS}
        if asked >= 0:
            pfn = allocator.alloc_fast(asked, plan.gfp[row], 0, 0)
            if pfn < 0:
                raise ValueError(f"row {row} of the plan does not fit into {mem_bytes} bytes")
            held[slot] = (pfn, asked)
            mobility = (plan.gfp[row] >> 3) & 3
            caller = 1 + (mobility * 11 + asked) * 2 + (slot & 1)
            batch.append(
                _ALLOC,
                pfn=pfn,
                order=asked,
                gfp=plan.gfp[row],
                migratetype=mobility,
                caller=caller,
                **common,
            )
        else:
            pfn, order = held[slot]
            allocator.free_pages(pfn, order, 0)
            batch.append(_FREE, pfn=pfn, order=order, **common)
        if len(batch) == BATCH_EVENTS:
            yield batch
            batch = EventBatch(row + 1)
    if len(batch):
        yield batch


def _later(batch: EventBatch, rows: int, most: int) -> EventBatch:
    """The first ``most`` rows, ``rows`` rows later; columns are shared where they can be."""
    later = EventBatch(batch.first + rows)
    for name in EventBatch.columns:
        column = getattr(batch, name)
        setattr(later, name, column if most >= len(column) else column[:most])
    if rows:
        shift = rows * _STEP_NS
        later.time_ns = array("q", [time_ns + shift for time_ns in later.time_ns])
    return later

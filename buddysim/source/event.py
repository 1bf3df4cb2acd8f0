"""Events as columns: what every reader produces and everything downstream consumes.

A trace is a stream of :class:`EventBatch` (struct of arrays, at most ``BATCH_EVENTS`` rows) plus
the tables its columns index.  No Python object exists per event.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Literal, Protocol, runtime_checkable

__all__ = [
    "BATCH_EVENTS",
    "CallerBy",
    "Counted",
    "EventBatch",
    "EventKind",
    "LooksAhead",
    "Tables",
    "Trace",
    "TraceMeta",
]

BATCH_EVENTS = 1 << 16

CallerBy = Literal["function", "comm", "stack"]
"""Who counts as the caller: the asking function, the command, or the whole call chain."""


class EventKind(IntEnum):
    """Row kinds; first kernel tracepoints (fact sheet 13), from 32 on script statements."""

    ALLOC = 0  # mm_page_alloc; pfn -1 = the recorded allocation failed
    FREE = 1  # mm_page_free / mm_page_free_direct
    FREE_BATCHED = 2  # mm_page_free_batched / mm_pagevec_free: also seen as FREE, never count both
    ZONE_LOCKED = 3  # mm_page_alloc_zone_locked
    PCPU_DRAIN = 4  # mm_page_pcpu_drain
    EXTFRAG = (
        5  # aux = fallback_order | fallback_mt << 8 | fragmenting << 16 | change_ownership << 17
    )
    KMALLOC = 6  # aux = bytes_alloc; pfn = the object's pointer as printed (an identity)
    KFREE = 7
    KMEM_CACHE_ALLOC = 8  # aux = bytes_alloc
    KMEM_CACHE_FREE = 9
    KSWAPD_WAKE = 10  # order
    KSWAPD_SLEEP = 11
    WAKEUP_KSWAPD = 12
    RECLAIM_BEGIN = 13
    RECLAIM_END = 14  # aux = nr_reclaimed
    COMPACTION_BEGIN = 15
    COMPACTION_END = 16
    COMPACTION_MIGRATE = 17  # aux = nr_migrated
    MARK_VICTIM = 18
    LOST = 19  # aux = number of events the ring buffer lost
    OTHER = 20  # a tracepoint nobody here interprets; aux = index into Tables.names
    USE = 32  # script statements: handle, aux = index into the script's side table
    BEGIN = 33
    END = 34
    COUNT = 35
    EXPECT = 36
    SECTION = 37


_COLUMNS = {
    "kind": "B",
    "cpu": "H",
    "context": "B",  # kernel.context.Context bits
    "order": "b",
    "migratetype": "b",  # canonical numbering (kernel.migratetype); -1 unknown
    "gfp": "I",  # canonical mask (kernel.gfp)
    "time_ns": "q",
    "pfn": "q",  # -1: failed allocation, or a script row
    "caller": "I",  # index into Tables.callers
    "task": "I",  # index into Tables.tasks
    "stack": "I",  # index into Tables.stacks; 0 = no stack
    "handle": "i",  # script handle number; -1 in recordings
    "aux": "q",  # see EventKind
    "line": "I",  # line in the source file, from 1; 0 when the format has no lines
}


class EventBatch:
    """Up to ``BATCH_EVENTS`` rows, one ``array.array`` per column, all of equal length.

    Of rows read ahead columns may be memoryviews instead: whoever needs an array's methods copies.
    """

    __slots__ = (*_COLUMNS, "first")

    columns: ClassVar[tuple[str, ...]] = tuple(_COLUMNS)
    typecodes: ClassVar[dict[str, str]] = dict(_COLUMNS)

    kind: array[int]
    cpu: array[int]
    context: array[int]
    order: array[int]
    migratetype: array[int]
    gfp: array[int]
    time_ns: array[int]
    pfn: array[int]
    caller: array[int]
    task: array[int]
    stack: array[int]
    handle: array[int]
    aux: array[int]
    line: array[int]

    def __init__(self, first: int = 0) -> None:
        for name, typecode in _COLUMNS.items():
            setattr(self, name, array(typecode))
        self.first = first
        """Index of row 0 in the whole trace."""

    def __len__(self) -> int:
        return len(self.kind)

    def append(
        self,
        kind: int,
        *,
        time_ns: int,
        cpu: int = 0,
        context: int = 0,
        order: int = 0,
        migratetype: int = -1,
        gfp: int = 0,
        pfn: int = -1,
        caller: int = 0,
        task: int = 0,
        stack: int = 0,
        handle: int = -1,
        aux: int = 0,
        line: int = 0,
    ) -> None:
        """Add one row.  For hand-written scripts and tests; readers of recordings fill columns."""
        self.kind.append(kind)
        self.cpu.append(cpu)
        self.context.append(context)
        self.order.append(order)
        self.migratetype.append(migratetype)
        self.gfp.append(gfp)
        self.time_ns.append(time_ns)
        self.pfn.append(pfn)
        self.caller.append(caller)
        self.task.append(task)
        self.stack.append(stack)
        self.handle.append(handle)
        self.aux.append(aux)
        self.line.append(line)


@dataclass
class Tables:
    """What the index columns point at.  Grows while the trace is read; indexes never change."""

    callers: list[str] = field(default_factory=lambda: ["?"])
    tasks: list[str] = field(default_factory=lambda: ["?"])
    """``comm-pid``."""
    stacks: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    """Frames innermost first, ``symbol+0xoff`` as printed."""
    names: list[str] = field(default_factory=list)
    """Other interned strings (slab caches, script counters)."""


@dataclass
class TraceMeta:
    """What is known about a trace.  Counters are final only after the last batch was read."""

    path: str
    format: str
    """``ftrace``, ``perf-script``, ``trace-cmd``, ``perf-data``, ``packed`` or ``script``."""
    layout: str = ""
    """Which variant of the format, and why it was recognised; shown by ``inspect``."""
    profile: str = ""
    """Era the text implies (``6.12``), or empty when it does not tell."""
    lines: int = 0
    skipped_lines: int = 0
    lost_events: int = 0
    truncated: bool = False
    """The input ends in the middle of a line or record."""
    kind_names: dict[int, str] = field(default_factory=dict)
    """Tracepoint names of kinds that this kernel calls otherwise than modern ones."""


class Trace(Protocol):
    """A readable trace: metadata, tables, and a single-pass stream of batches."""

    meta: TraceMeta
    tables: Tables

    def batches(self) -> Iterator[EventBatch]:
        """Yield the rows in order.  Raises TraceError.  O(BATCH_EVENTS) memory."""
        ...


@runtime_checkable
class Counted(Protocol):
    """A trace that tells how long it is before it is read."""

    def expected_rows(self) -> int:
        """Rows of all batches together; 0 when unknown."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """A trace that can be read once ahead, and may keep the rows for :meth:`Trace.batches`."""

    def look_ahead(self, visit: Callable[[EventBatch], None]) -> None:
        """Show every batch to ``visit``, before the first call of ``batches``.

        Raises TraceError.  Memory is bounded, however long the trace.
        """
        ...

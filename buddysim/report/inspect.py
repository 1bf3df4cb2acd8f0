"""What is in a trace: counted in one pass, as plain data (``buddysim/inspect/1``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from buddysim.kernel.context import Context
from buddysim.kernel.migratetype import MIGRATE_TYPES, NAMES
from buddysim.source.doctor import EFFECTS, Doctor
from buddysim.source.event import EventBatch, EventKind, Trace
from buddysim.source.event_digest import EventDigest
from buddysim.source.packed import PackedTrace
from buddysim.source.page_map import PAGE_MAP_NAME, PageMap
from buddysim.source.tracepoints import KIND_NAMES

__all__ = ["CallerContexts", "Inspection", "context_name", "inspect_trace"]

_ALLOC = int(EventKind.ALLOC)
_LOST = int(EventKind.LOST)
_OTHER = int(EventKind.OTHER)
_ASKS = (_ALLOC, int(EventKind.KMALLOC), int(EventKind.KMEM_CACHE_ALLOC))
_NR_ORDERS = 11
_UNKNOWN_TYPE = "UNKNOWN"


def context_name(context: int) -> str:
    """The strictest word for context bits: nmi, hardirq, softirq, atomic, process or unknown."""
    for bits, name in (
        (Context.NMI, "nmi"),
        (Context.HARDIRQ, "hardirq"),
        (Context.SOFTIRQ, "softirq"),
        (Context.PREEMPT_OFF | Context.IRQS_OFF | Context.BH_OFF, "atomic"),
        (Context.UNKNOWN, "unknown"),
    ):
        if context & bits:
            return name
    return "process"


@dataclass
class CallerContexts:
    """One caller's page requests."""

    caller: str
    requests: int
    failed: int
    contexts: dict[str, int]
    """Requests by :func:`context_name`."""


@dataclass
class Inspection:
    """The JSON document of ``inspect``, as attributes."""

    path: str
    format: str
    layout: str
    profile: str
    """Era the text implies; empty when it does not tell."""
    events: int = 0
    events_digest: str = ""
    """The same for the same events in any format (``source/event_digest.py``)."""
    events_by_kind: dict[str, int] = field(default_factory=dict)
    """By tracepoint name as printed."""
    failed_allocations: int = 0
    span_ns: int = 0
    cpus: list[int] = field(default_factory=list)
    callers: int = 0
    """Distinct callers that asked for pages or objects."""
    lines: int = 0
    skipped_lines: int = 0
    lost_events: int = 0
    truncated: bool = False
    reconciled: dict[str, int] = field(default_factory=dict)
    """By name of :data:`buddysim.source.doctor.EFFECTS`."""
    effects: dict[str, str] = field(default_factory=dict)
    """What each oddity that occurred may do to a replay."""
    live_at_end: int = 0
    """Blocks allocated in the trace and not freed in it."""
    orders_by_migratetype: dict[str, list[int]] = field(default_factory=dict)
    """Successful mm_page_alloc by canonical type (upper case) and order."""
    contexts: dict[str, int] = field(default_factory=dict)
    """Page requests by :func:`context_name`."""
    kept: list[str] = field(default_factory=list)
    """Files of /proc kept with the trace."""
    pages_by_kind: dict[str, dict[str, int]] = field(default_factory=dict)
    """``before`` and ``after``: pages of the machine by what they were used for; a page may count
    under several."""
    by_caller: list[CallerContexts] = field(default_factory=list)
    """Most requests first, then by name."""


class _Census:
    """Counters over the rows of one trace."""

    def __init__(self, trace: Trace) -> None:
        self.digest = EventDigest(trace.tables)
        self.kinds: Counter[int] = Counter()
        self.others: Counter[int] = Counter()
        self.cpus: set[int] = set()
        self.types: Counter[tuple[int, int]] = Counter()
        self.contexts: Counter[tuple[int, int]] = Counter()
        self.failed: Counter[int] = Counter()
        self.first_ns = self.last_ns = -1
        self.doctor = Doctor()

    def observe(self, batch: EventBatch) -> None:
        self.doctor.observe(batch)
        self.digest.take(batch)
        kinds = batch.kind
        self.kinds.update(kinds)
        self.cpus.update(batch.cpu)
        if _OTHER in kinds:
            rows = zip(kinds, batch.aux, strict=True)
            self.others.update(name for kind, name in rows if kind == _OTHER)
        earliest = min(batch.time_ns)
        self.first_ns = earliest if self.first_ns < 0 else min(self.first_ns, earliest)
        self.last_ns = max(self.last_ns, max(batch.time_ns))  # noqa: PLW3301  # no copy
        self._requests(batch)

    def _requests(self, batch: EventBatch) -> None:
        columns = (batch.pfn, batch.migratetype, batch.order, batch.caller, batch.context)
        asks = [row for kind, *row in zip(batch.kind, *columns, strict=True) if kind in _ASKS]
        pages = [row for kind, *row in zip(batch.kind, *columns, strict=True) if kind == _ALLOC]
        self.contexts.update((caller, context) for _, _, _, caller, context in asks)
        self.types.update((mt, order) for pfn, mt, order, _, _ in pages if pfn >= 0)
        self.failed.update(caller for pfn, _, _, caller, _ in pages if pfn < 0)


def inspect_trace(trace: Trace, progress: Callable[[int], None] | None = None) -> Inspection:
    """Read the whole trace and say what is in it.  Raises TraceError.

    ``progress`` is called with the rows read so far.

    O(events) time; memory O(live blocks + distinct callers), not O(events).
    """
    census = _Census(trace)
    for batch in trace.batches():
        if len(batch):
            census.observe(batch)
        if progress is not None:
            progress(batch.first + len(batch))
    meta = trace.meta
    kept = trace.snapshots() if isinstance(trace, PackedTrace) else {}
    return Inspection(
        path=meta.path,
        format=meta.format,
        layout=meta.layout,
        profile=meta.profile,
        events=census.kinds.total() - census.kinds[_LOST],
        events_digest=census.digest.finish(),
        events_by_kind=_names_of_kinds(census, trace),
        failed_allocations=census.failed.total(),
        span_ns=census.last_ns - census.first_ns,
        cpus=sorted(census.cpus),
        callers=len({caller for caller, _ in census.contexts}),
        lines=meta.lines,
        skipped_lines=meta.skipped_lines,
        lost_events=meta.lost_events,
        truncated=meta.truncated,
        reconciled=census.doctor.counts,
        effects={name: EFFECTS[name] for name, count in census.doctor.counts.items() if count},
        live_at_end=census.doctor.live_blocks,
        orders_by_migratetype=_table(census.types),
        contexts=_contexts(census.contexts),
        kept=sorted(kept),
        pages_by_kind=_pages_by_kind(kept, meta.path),
        by_caller=_callers(census, trace),
    )


def _names_of_kinds(census: _Census, trace: Trace) -> dict[str, int]:
    named: Counter[str] = Counter()
    for kind, count in census.kinds.items():
        if kind not in (_LOST, _OTHER):
            known = trace.meta.kind_names.get(kind) or KIND_NAMES.get(kind)
            named[known or EventKind(kind).name.lower()] += count
    for name, count in census.others.items():
        named[trace.tables.names[name]] += count
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def _pages_by_kind(kept: dict[str, bytes], path: str) -> dict[str, dict[str, int]]:
    found = {}
    for moment in ("before", "after"):
        content = kept.get(PAGE_MAP_NAME.format(moment=moment))
        if content is not None:
            found[moment] = PageMap.unpacked(content, path).by_kind()
    return found


def _table(types: Counter[tuple[int, int]]) -> dict[str, list[int]]:
    table = {name.upper(): [0] * _NR_ORDERS for name in NAMES}
    for (migratetype, order), count in types.items():
        known = 0 <= migratetype < MIGRATE_TYPES
        name = NAMES[migratetype].upper() if known else _UNKNOWN_TYPE
        table.setdefault(name, [0] * _NR_ORDERS)[order] += count
    return table


def _contexts(contexts: Counter[tuple[int, int]]) -> dict[str, int]:
    named: Counter[str] = Counter()
    for (_, context), count in contexts.items():
        named[context_name(context)] += count
    return dict(sorted(named.items()))


def _callers(census: _Census, trace: Trace) -> list[CallerContexts]:
    seen: dict[int, Counter[tuple[int, int]]] = {}
    for (caller, context), count in census.contexts.items():
        seen.setdefault(caller, Counter())[caller, context] += count
    rows = [
        CallerContexts(
            caller=trace.tables.callers[caller],
            requests=contexts.total(),
            failed=census.failed[caller],
            contexts=_contexts(contexts),
        )
        for caller, contexts in seen.items()
    ]
    return sorted(rows, key=lambda row: (-row.requests, row.caller))

"""Writes rows as the kernel's ftrace text, so that any tool for it (and ours) reads them.

Pages print with the pfn for their pointer, as trace-cmd does; fields that rows do not keep (the
zone span of a compaction, the node of a kmalloc) are left out or written as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from buddysim.kernel.constants import PAGEBLOCK_ORDER
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import format_names
from buddysim.kernel.migratetype import to_printed
from buddysim.kernel.profile import DEFAULT_PROFILE, profile_of
from buddysim.source.event import EventBatch, EventKind, Tables, Trace, TraceMeta
from buddysim.source.sniff import PROFILE_COMMENT
from buddysim.source.tracepoints import KIND_NAMES

__all__ = ["ftrace_lines"]

_US = 1000
_SLAB = (
    int(EventKind.KMALLOC),
    int(EventKind.KMEM_CACHE_ALLOC),
    int(EventKind.KFREE),
    int(EventKind.KMEM_CACHE_FREE),
)
_LOST = int(EventKind.LOST)
_OTHER = int(EventKind.OTHER)


def ftrace_lines(trace: Trace) -> Iterator[str]:
    """The whole trace as text, one string a batch.  Raises TraceError of the source."""
    era = trace.meta.profile or DEFAULT_PROFILE
    yield f"# tracer: nop\n{PROFILE_COMMENT}{era}\n#\n"
    writer = _RowWriter(trace.meta, trace.tables, era)
    for batch in trace.batches():
        yield "".join(writer.lines(batch))


class _RowWriter:
    """Formats rows; repeated pieces are formatted once."""

    def __init__(self, meta: TraceMeta, tables: Tables, era: str) -> None:
        self._meta = meta
        self._tables = tables
        self._era = era
        self._pfn = "{:d}" if profile_of(era).trace_pfn == "decimal" else "{:#x}"
        self._heads: dict[tuple[int, int, int], str] = {}
        self._gfp: dict[int, str] = {}
        self._fields: dict[int, Callable[[EventBatch, int], str]] = {
            int(EventKind.ALLOC): self._alloc,
            int(EventKind.FREE): self._order_only,
            int(EventKind.FREE_BATCHED): self._order_only,
            int(EventKind.ZONE_LOCKED): self._zone_locked,
            int(EventKind.PCPU_DRAIN): self._typed,
            int(EventKind.EXTFRAG): self._extfrag,
            int(EventKind.KSWAPD_WAKE): lambda b, i: f"nid={b.aux[i]} order={b.order[i]}",
            int(EventKind.KSWAPD_SLEEP): lambda b, i: f"nid={b.aux[i]}",
            int(EventKind.WAKEUP_KSWAPD): self._wakeup,
            int(EventKind.RECLAIM_BEGIN): self._reclaim,
            int(EventKind.RECLAIM_END): lambda b, i: f"nr_reclaimed={b.aux[i]}",
            int(EventKind.COMPACTION_MIGRATE): lambda b, i: f"nr_migrated={b.aux[i]}",
            int(EventKind.MARK_VICTIM): lambda b, i: f"pid={b.aux[i]}",
            **dict.fromkeys(_SLAB, self._slab),
        }

    def lines(self, batch: EventBatch) -> Iterator[str]:
        """Each row with its call chain."""
        for row, kind in enumerate(batch.kind):
            if kind == _LOST:
                yield f"CPU:{batch.cpu[row]} [LOST {batch.aux[row]} EVENTS]\n"
                continue
            head = self._head(batch, row)
            fields = self._fields.get(kind)
            text = fields(batch, row) if fields else ""
            yield f"{head}{self._name(batch, row)}: {text}\n"
            if batch.stack[row]:
                frames = self._tables.stacks[batch.stack[row]]
                yield f"{head}<stack trace>\n" + "".join(f" => {frame}\n" for frame in frames)

    def _head(self, batch: EventBatch, row: int) -> str:
        key = (batch.task[row], batch.cpu[row], batch.context[row])
        head = self._heads.get(key)
        if head is None:
            comm, _, pid = self._tables.tasks[key[0]].rpartition("-")
            flags = _flags(key[2])
            head = f"{comm or '?':>16}-{pid if comm else 0:<7} [{key[1]:03d}] {flags} "
            self._heads[key] = head
        seconds, ns = divmod(batch.time_ns[row], 10**9)
        digits = f"{ns // _US:06d}" if ns % _US == 0 else f"{ns:09d}"
        return f"{head}{seconds:5d}.{digits}: "

    def _name(self, batch: EventBatch, row: int) -> str:
        kind = batch.kind[row]
        if kind == _OTHER:
            return self._tables.names[batch.aux[row]]
        return self._meta.kind_names.get(kind) or KIND_NAMES[kind]

    def _page(self, pfn: int) -> str:
        if pfn < 0:
            return "page=0000000000000000 pfn=" + self._pfn.format(0)
        return f"page={pfn:#x} pfn={self._pfn.format(pfn)}"

    def _mask(self, gfp: int) -> str:
        text = self._gfp.get(gfp)
        if text is None:
            text = self._gfp[gfp] = format_names(gfp, self._era, "trace")
        return text

    def _type(self, migratetype: int) -> int:
        return to_printed(max(migratetype, 0), self._era)

    def _alloc(self, batch: EventBatch, row: int) -> str:
        mask = self._mask(batch.gfp[row])
        return f"{self._typed(batch, row)} gfp_flags={mask}"

    def _order_only(self, batch: EventBatch, row: int) -> str:
        return f"{self._page(batch.pfn[row])} order={batch.order[row]}"

    def _typed(self, batch: EventBatch, row: int) -> str:
        migratetype = batch.migratetype[row]
        if migratetype < 0:
            return self._order_only(batch, row)
        return f"{self._order_only(batch, row)} migratetype={self._type(migratetype)}"

    def _zone_locked(self, batch: EventBatch, row: int) -> str:
        return f"{self._typed(batch, row)} percpu_refill={batch.aux[row]}"

    def _extfrag(self, batch: EventBatch, row: int) -> str:
        aux = batch.aux[row]
        return (
            f"{self._page(batch.pfn[row])} alloc_order={batch.order[row]} "
            f"fallback_order={aux & 0xFF} "
            f"pageblock_order={_pageblock_order(aux & 0xFF, aux >> 16 & 1)} "
            f"alloc_migratetype={self._type(batch.migratetype[row])} "
            f"fallback_migratetype={self._type(aux >> 8 & 0xFF)} "
            f"fragmenting={aux >> 16 & 1} change_ownership={aux >> 17 & 1}"
        )

    def _slab(self, batch: EventBatch, row: int) -> str:
        site = self._tables.callers[batch.caller[row]]
        text = f"call_site={site.replace(' ', '_')} ptr={batch.pfn[row] & 2**64 - 1:016x}"
        if batch.kind[row] in _SLAB[:2]:
            text += f" bytes_alloc={batch.aux[row]} gfp_flags={self._mask(batch.gfp[row])}"
        return text

    def _wakeup(self, batch: EventBatch, row: int) -> str:
        return f"nid={batch.aux[row]} {self._reclaim(batch, row)}"

    def _reclaim(self, batch: EventBatch, row: int) -> str:
        return f"order={batch.order[row]} gfp_flags={self._mask(batch.gfp[row])}"


def _pageblock_order(fallback_order: int, fragmenting: int) -> int:
    """The usual one, unless only another explains whether this fallback was fragmenting."""
    if (fallback_order < PAGEBLOCK_ORDER) == bool(fragmenting):
        return PAGEBLOCK_ORDER
    return fallback_order + fragmenting


def _flags(context: int) -> str:
    """The five flag characters; blank when the source had none."""
    if context & Context.UNKNOWN:
        return ""
    irqs = "dDb."[(1 if context & Context.BH_OFF else 0) if context & Context.IRQS_OFF else 2]
    if not context & (Context.IRQS_OFF | Context.BH_OFF):
        irqs = "."
    preempt = "1" if context & Context.PREEMPT_OFF else "."
    return f"{irqs}.{_interrupt(context)}{preempt}."


def _interrupt(context: int) -> str:
    if context & Context.NMI:
        return "Z" if context & Context.HARDIRQ else "z"
    if context & Context.HARDIRQ:
        return "H" if context & Context.SOFTIRQ else "h"
    return "s" if context & Context.SOFTIRQ else "."

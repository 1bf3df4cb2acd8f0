"""Writes a recording as a hand-written script: its allocations and frees as handles.

What a script does not say is left out: pfns and cpus, the frees of pages that the trace did not
allocate, the batched copies of frees, reclaim and compaction.  A caller met in several contexts
becomes one caller for each, ``name.softirq`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from buddysim.kernel.context import Context
from buddysim.kernel.gfp import format_names
from buddysim.kernel.profile import DEFAULT_PROFILE
from buddysim.source.event import EventBatch, EventKind, Tables, Trace

__all__ = ["script_lines"]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_NR_ORDERS = 11
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:-]")


def script_lines(trace: Trace) -> Iterator[str]:
    """The whole trace as script text, one string a batch.  Raises TraceError of the source."""
    era = trace.meta.profile or DEFAULT_PROFILE
    yield f"# written from a recording ({trace.meta.format})\n@machine profile={era}\n"
    writer = _StatementWriter(trace.tables, era)
    for batch in trace.batches():
        yield "".join(writer.lines(batch))


class _StatementWriter:
    """Turns rows into statements; handles are numbered in order of allocation."""

    def __init__(self, tables: Tables, era: str) -> None:
        self._tables = tables
        self._era = era
        self._names: dict[tuple[int, str], str] = {}
        self._handles: dict[int, tuple[str, int]] = {}
        """Handle and order of each live block by pfn."""
        self._parted: dict[int, tuple[str, int]] = {}
        """The same of blocks of which a part was freed."""
        self._count = 0
        self._gfp: dict[int, str] = {}
        self._start_ns = -1
        self._last_ns = 0

    def lines(self, batch: EventBatch) -> Iterator[str]:
        for row, kind in enumerate(batch.kind):
            if kind in (_ALLOC, _FREE):
                if self._start_ns < 0:
                    self._start_ns = batch.time_ns[row]
                yield from self._alloc(batch, row) if kind == _ALLOC else self._free(batch, row)

    def _alloc(self, batch: EventBatch, row: int) -> Iterator[str]:
        yield from self._declared(batch, row)
        handle = f"p{self._count}"
        self._count += 1
        pfn, order = batch.pfn[row], batch.order[row]
        yield from self._missed_free(batch, row)
        if pfn >= 0:
            self._handles[pfn] = handle, order
        mask = self._mask(batch.gfp[row])
        size = f" order={order}" if order else ""
        yield f"{self._when(batch, row)} {self._who(batch, row)} alloc {handle}{size} gfp={mask}\n"

    def _missed_free(self, batch: EventBatch, row: int) -> Iterator[str]:
        """A page allocated twice was freed unseen in between."""
        lost = self._handles.pop(batch.pfn[row], None)
        if lost is not None:
            yield f"{self._when(batch, row)} {self._who(batch, row)} free {lost[0]}\n"

    def _free(self, batch: EventBatch, row: int) -> Iterator[str]:
        pfn, order = batch.pfn[row], batch.order[row]
        held = self._handles.get(pfn)
        if held is not None and held[1] == order:
            del self._handles[pfn]
            yield from self._declared(batch, row)
            yield f"{self._when(batch, row)} {self._who(batch, row)} free {held[0]}\n"
            return
        head = self._block_around(pfn, order)
        if head >= 0:
            yield from self._declared(batch, row)
            handle, _ = self._parted[head]
            piece = f"free {handle} order={order} part={pfn - head >> order}"
            yield f"{self._when(batch, row)} {self._who(batch, row)} {piece}\n"

    def _block_around(self, pfn: int, order: int) -> int:
        """Head of the larger block that holds these pages, from now on freed in parts; or -1."""
        for larger in range(order + 1, _NR_ORDERS):
            head = pfn & -(1 << larger)
            for blocks in (self._handles, self._parted):
                held = blocks.get(head)
                if held is not None and held[1] >= larger:
                    self._parted[head] = blocks.pop(head)
                    return head
        return -1

    def _declared(self, batch: EventBatch, row: int) -> Iterator[str]:
        """The ``@caller`` line, the first time."""
        context = _script_context(batch.context[row])
        key = (batch.caller[row], context)
        if key not in self._names:
            name = _UNSAFE.sub("_", self._tables.callers[key[0]]) or "_"
            self._names[key] = f"{name}.{context}" if context not in ("", "process") else name
            if context:
                yield f"@caller {self._names[key]} context={context}\n"

    def _who(self, batch: EventBatch, row: int) -> str:
        return self._names[batch.caller[row], _script_context(batch.context[row])]

    def _when(self, batch: EventBatch, row: int) -> str:
        # A script's time never runs backwards; a recording's may, by a stepped clock.
        self._last_ns = max(self._last_ns, batch.time_ns[row] - self._start_ns)
        return f"{self._last_ns // 10**9}.{self._last_ns % 10**9:09d}"

    def _mask(self, gfp: int) -> str:
        text = self._gfp.get(gfp)
        if text is None:
            text = self._gfp[gfp] = format_names(gfp, self._era, "trace")
        return text


def _script_context(context: int) -> str:
    for bits, name in (
        (Context.UNKNOWN, ""),
        (Context.HARDIRQ | Context.NMI, "hardirq"),
        (Context.SOFTIRQ, "softirq"),
        (Context.PREEMPT_OFF | Context.IRQS_OFF | Context.BH_OFF, "atomic"),
    ):
        if context & bits:
            return name
    return "process"

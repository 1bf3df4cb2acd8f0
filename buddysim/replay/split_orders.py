"""A trace as it would be if some callers asked for single pages instead of larger blocks.

A request for 2^N pages in one block becomes 2^N requests for one page each: as much memory, in no
particular place, which is what vmalloc, kvmalloc or a list of fragments ask for.  A use or free of
the block becomes one of each page.  Nothing else changes, neither times nor lines.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from buddysim.kernel.gfp_table import Gfp
from buddysim.source.action import Action
from buddysim.source.event import EventBatch, EventKind, Trace
from buddysim.source.script import ScriptTrace
from buddysim.source.statement import Script, Statement

__all__ = ["split_orders"]

_ALLOC = int(EventKind.ALLOC)
_OTHER = int(EventKind.OTHER)
_TRAFFIC = (int(EventKind.ZONE_LOCKED), int(EventKind.PCPU_DRAIN))
"""Recorded traffic of the per-cpu lists: that of the blocks which are not asked for any more."""
_COMP = int(Gfp.COMP)
_SMALLER = ("fallback", "vmalloc")


def split_orders(trace: Trace, caller: str, least: int) -> Trace:
    """``trace`` with the requests of ``least`` or a higher order split into single pages.

    Only those of callers that match the glob ``caller``.  Event numbers count the new requests.
    """
    if isinstance(trace, ScriptTrace):
        return ScriptTrace(_Splitter(trace.script, caller, least).split())
    return _SplitRecording(trace, caller, least)


class _SplitRecording:
    """A recording whose batches are rewritten as they are read.

    Frees stay whole: the replay frees the pieces that lie in the block freed.
    """

    def __init__(self, trace: Trace, caller: str, least: int) -> None:
        self.meta = trace.meta
        self.tables = trace.tables
        self._trace = trace
        self._glob = caller
        self._least = least
        self._chosen = bytearray()
        """By caller index: 1 for those whose requests are split."""

    def batches(self) -> Iterator[EventBatch]:
        """The rewritten rows; a batch may be longer than those of readers."""
        first = 0
        for batch in self._trace.batches():
            names = self.tables.callers
            self._chosen += bytes(
                fnmatchcase(name, self._glob) for name in names[len(self._chosen) :]
            )
            fresh = self._rewritten(batch, first)
            first += len(fresh)
            yield fresh

    def _rewritten(self, batch: EventBatch, first: int) -> EventBatch:
        kinds, orders, callers = batch.kind, batch.order, batch.caller
        rows = [
            row
            for row, order in enumerate(orders)
            if order >= self._least and kinds[row] == _ALLOC and self._chosen[callers[row]]
        ]
        fresh = EventBatch(first)
        for name in EventBatch.columns:
            setattr(fresh, name, _stretched(getattr(batch, name), rows, batch))
        shift = 0
        for row in rows:
            _to_single_pages(fresh, row + shift, _copies(batch, row))
            shift += _copies(batch, row) - 1
        for row, kind in enumerate(fresh.kind):
            if kind in _TRAFFIC:
                fresh.kind[row] = _OTHER
        return fresh


def _copies(batch: EventBatch, row: int) -> int:
    """Requests that one row becomes; a recorded failure stays one."""
    return 1 << batch.order[row] if batch.pfn[row] >= 0 else 1


def _stretched(column: array[int], rows: list[int], batch: EventBatch) -> array[int]:
    """The column with the entries of ``rows`` repeated."""
    fresh, start = array(column.typecode), 0
    for row in rows:
        fresh.extend(column[start:row])
        fresh.extend(column[row : row + 1] * _copies(batch, row))
        start = row + 1
    fresh.extend(column[start:])
    return fresh


def _to_single_pages(batch: EventBatch, start: int, copies: int) -> None:
    """Make copies of one request ask for one page each, in the place of the block's pages."""
    for page in range(copies):
        row = start + page
        batch.order[row] = 0
        batch.gfp[row] &= ~_COMP
        if batch.pfn[row] >= 0:
            batch.pfn[row] += page


class _Splitter:
    """Rewrites the statements of a script, in their order."""

    def __init__(self, script: Script, caller: str, least: int) -> None:
        self._script = script
        self._least = least
        self._chosen = {
            index for index, name in enumerate(script.callers) if fnmatchcase(name, caller)
        }
        self._handles = list(script.handles)
        self._pages: dict[int, list[int]] = {}
        """Handle -> handles of its single pages, itself the first; while its block is split."""
        self._known: dict[tuple[int, int], int] = {}

    def split(self) -> Script:
        """The rewritten script; the given one stays as it is."""
        statements = [fresh for each in self._script.statements for fresh in self._one(each)]
        return replace(self._script, statements=statements, handles=self._handles)

    def _one(self, statement: Statement) -> list[Statement]:
        if statement.operation == "alloc":
            return self._alloc(statement)
        pages = self._pages.get(statement.handle)
        if statement.operation not in {"use", "free"} or pages is None:
            return [statement]
        if statement.part >= 0:
            size = 1 << statement.order
            pages = pages[statement.part * size : (statement.part + 1) * size]
        fresh = replace(statement, order=0, order_given=False, part=-1)
        return [replace(fresh, handle=handle) for handle in pages]

    def _alloc(self, statement: Statement) -> list[Statement]:
        if statement.caller not in self._chosen or statement.order < self._least:
            self._pages.pop(statement.handle, None)
            return [statement]
        pages = [self._page(statement.handle, page) for page in range(1 << statement.order)]
        self._pages[statement.handle] = pages
        fresh = replace(
            statement,
            order=0,
            gfp=statement.gfp & ~_COMP,
            gfp_text="",
            actions=self._actions(statement),
        )
        return [replace(fresh, handle=handle) for handle in pages]

    def _page(self, handle: int, page: int) -> int:
        """Handle of one page of a split block; the first page keeps the block's."""
        if page == 0:
            return handle
        if (handle, page) not in self._known:
            self._known[handle, page] = len(self._handles)
            self._handles.append(f"{self._handles[handle]}#{page}")
        return self._known[handle, page]

    def _actions(self, statement: Statement) -> tuple[Action, ...] | None:
        """What is done on failure, without the smaller attempts: nothing is smaller."""
        actions = statement.actions
        if actions is None:
            declared = self._script.declarations.get(self._script.callers[statement.caller])
            actions = declared.on_failure if declared else None
        if actions is None:
            return None
        return tuple(each for each in actions if each.verb not in _SMALLER)

"""The inner loop: ordinary allocations and frees of a recording, and nothing else.

Anything rare (a failure, a page not seen before, a new kind of request, a script statement) makes
it return the row's index to the engine, which deals with that row in ordinary Python.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.page_allocator import PageAllocator

__all__ = ["LoopState", "run_rows"]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_LAST_QUIET = int(EventKind.OTHER)
_TELLING = frozenset(
    {int(EventKind.EXTFRAG), int(EventKind.KSWAPD_WAKE), int(EventKind.KSWAPD_SLEEP)}
)
_SLAB = (int(EventKind.KMALLOC), int(EventKind.KMEM_CACHE_ALLOC))
_CALLER_MASK = (1 << 32) - 1
_NOWHERE = (1 << 27) - 1


class LoopState:
    """What the loop reads and writes; plain containers only."""

    def __init__(
        self,
        allocator: PageAllocator,
        live: dict[int, int],
        owner: array[int],
        first_pfn: int,
    ) -> None:
        self.allocator = allocator
        self.live = live
        """Recorded pfn -> packed entry (``replay/ledger.py``)."""
        self.owner = owner
        self.first_pfn = first_pfn
        self.shapes: dict[int, int] = {}
        """gfp << 32 | caller << 12 | order << 8 | context -> requests."""
        self.kinds = array("q", bytes(8 * 64))
        self.live_pages = array("q")
        """Pages held, by caller index."""
        self.watched: set[int] = set()
        """Callers whose next request the engine wants to see."""
        self.results = array("q")
        """Outcome of every allocation and free, in order; the engine drains it."""
        self.extfrag_log: list[tuple[int, int, int, int, int, int]] = []
        """Shared by all zones; the engine drains it."""
        self.fast = True
        """False: every allocation goes to the engine (injection, recorded placement)."""
        self.quiet = bytearray(kind <= _LAST_QUIET and kind not in _TELLING for kind in range(256))
        """1 for kinds that change nothing and are only counted."""
        self.succeeded = 0
        self.freed = 0

    def every_request_counts(self) -> None:
        """From now on the engine sees each allocation, also those of slab objects."""
        self.fast = False
        for kind in _SLAB:
            self.quiet[kind] = 0


def run_rows(state: LoopState, batch: EventBatch, start: int, end: int) -> int:  # noqa: PLR0915 - one hot loop, unpacked
    """Replay rows from ``start``; index of the first one that is not ordinary, or ``end``.

    Rows of kinds that change nothing are only counted.  ``state.extfrag_log`` is looked at by the
    engine after each return; a row that filled it is complete and the next index is returned.
    """
    kinds, kind, pfns, orders = state.kinds, batch.kind, batch.pfn, batch.order
    gfps, callers, contexts, cpus = batch.gfp, batch.caller, batch.context, batch.cpu
    handles = batch.handle
    allocator, live, owner, first = state.allocator, state.live, state.owner, state.first_pfn
    shapes, watched, results, live_pages = (
        state.shapes, state.watched, state.results, state.live_pages,
    )  # fmt: skip
    log, fast, quiet = state.extfrag_log, state.fast, state.quiet
    succeeded = freed = 0
    row = start
    while row < end:
        what = kind[row]
        if what == _ALLOC:
            pfn = pfns[row]
            caller = callers[row]
            order = orders[row]
            shape = gfps[row]
            shape = shape << 32 | caller << 12 | order << 8 | contexts[row]
            count = shapes.get(shape, 0)
            if not fast or not count or pfn < 0 or handles[row] >= 0:
                break
            if caller in watched or pfn in live:
                break
            sim = allocator.alloc_fast(order, gfps[row], cpus[row], 0)
            if sim < 0:
                break
            shapes[shape] = count + 1
            live[pfn] = sim << 36 | caller << 4 | order
            for page in range(sim - first, sim - first + (1 << order)):
                owner[page] = pfn
            live_pages[caller] += 1 << order
            results.append(sim)
            succeeded += 1
        elif what == _FREE:
            pfn = pfns[row]
            entry = live.get(pfn, -1)
            order = orders[row]
            if entry < 0 or entry & 15 != order or handles[row] >= 0:
                break
            sim = entry >> 36
            if sim == _NOWHERE:
                break
            del live[pfn]
            for page in range(sim - first, sim - first + (1 << order)):
                owner[page] = -1
            live_pages[entry >> 4 & _CALLER_MASK] -= 1 << order
            allocator.free_pages(sim, order, cpus[row])
            results.append(sim)
            freed += 1
        elif not quiet[what]:
            break
        kinds[what] += 1
        row += 1
        if log:
            break
    state.succeeded += succeeded
    state.freed += freed
    return row

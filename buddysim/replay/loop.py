"""The inner loop: ordinary allocations and frees of a recording, and nothing else.

Anything rare (a failure, a page not seen before, a new kind of request, a script statement) makes
it return the row's index to the engine, which deals with that row in ordinary Python.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.shape_counts import ShapeCounts
from buddysim.replay.waiting import WAITS, wait_for_page
from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.mm.page_allocator import PageAllocator
    from buddysim.replay.glance import Glances
    from buddysim.replay.live_blocks import LiveBlocks

__all__ = [
    "LoopState",
    "ResultColumn",
    "fit_cpus",
    "is_background",
    "note_kswapd",
    "run_rows",
    "uses_reserves",
]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_LAST_QUIET = int(EventKind.OTHER)
_KSWAPD_WAKE, _KSWAPD_SLEEP = int(EventKind.KSWAPD_WAKE), int(EventKind.KSWAPD_SLEEP)
_TELLING = frozenset({int(EventKind.EXTFRAG), _KSWAPD_WAKE, _KSWAPD_SLEEP})
_SLAB = (int(EventKind.KMALLOC), int(EventKind.KMEM_CACHE_ALLOC))
_CALLER_MASK = (1 << 32) - 1
_WAIT = int(Gfp.DIRECT_RECLAIM)
_RESERVE_RIGHTS = int(Gfp.HIGH | Gfp.MEMALLOC)
_NOWHERE = (1 << 27) - 1
_WAITS = WAITS
_ZONE_CLASSES = 5


class ResultColumn:
    """Outcome of every allocation and free, in order; the engine drains it."""

    def __init__(self) -> None:
        self.data = array("q", bytes(8 << 10))
        self.used = 0

    def append(self, outcome: int) -> None:
        """Add one."""
        self.reserve(1)
        self.data[self.used] = outcome
        self.used += 1

    def reserve(self, rows: int) -> None:
        """Make room for so many more."""
        needed = self.used + rows
        if needed > len(self.data):
            # Extending would write twice to memory that is used for the first time.
            grown = array("q", [0]) * max(needed, 2 * self.used)
            grown[: self.used] = self.data[: self.used]
            self.data = grown

    def drain(self) -> memoryview[int]:
        """What was added since the last time: to be used before more is."""
        drained = memoryview(self.data)[: self.used]
        self.used = 0
        return drained


class LoopState:
    """What the loop reads and writes; plain containers only."""

    def __init__(self, allocator: PageAllocator, live: LiveBlocks, first_pfn: int) -> None:
        self.allocator = allocator
        self.live = live
        """Recorded pfn -> packed entry (``replay/ledger.py``)."""
        self.first_pfn = first_pfn
        self.shapes = ShapeCounts()
        """gfp << 32 | caller << 12 | order << 8 | context -> requests."""
        self.kinds = array("q", bytes(8 * 64))
        self.requests = array("q")
        """Requests made, by caller index."""
        self.live_pages = array("q")
        """Pages held, by caller index."""
        self.reserve_pages = array("q")
        """Pages taken by right while a zone was below its min mark, by caller index."""
        self.watched = bytearray()
        """By caller index: 1 where the engine wants to see the next request."""
        self.results = ResultColumn()
        self.extfrag_log: list[tuple[int, int, int, int, int, int]] = []
        """Shared by all zones; the engine drains it."""
        self.glances: Glances | None = None
        """Asked again and again whether one is due; None: nobody looks."""
        self.fast = True
        """False: every allocation goes to the engine (injection)."""
        self.is_plain = False
        """A recording that nothing steers: what the low mark denies is tried at the min mark here
        and pages in use since before it are freed here.  Otherwise the engine sees these rows."""
        self.tried = 0
        """Attempts that the request at which the loop stopped has behind it: none, the first, or
        also the one at the min mark.  A failed attempt leaves its mark on the pcp lists."""
        self.recorded = False
        """Take the recorded pages, not those the model would choose."""
        self.quiet = bytearray(kind <= _LAST_QUIET and kind not in _TELLING for kind in range(256))
        """1 for kinds that change nothing and are only counted."""
        self.stalls = array("q", bytes(8 * _ZONE_CLASSES))
        """Requests that waited for memory, by the highest zone they may use; drained."""
        self.succeeded = 0
        self.failed = 0
        self.freed = 0
        self.alloc_live = 0
        """Blocks still live when the recording allocates their pages: freed there unseen."""
        self.free_unknown = 0
        """Blocks freed that were in use since before the recording."""

    def every_request_counts(self) -> None:
        """From now on the engine sees each allocation, also those of slab objects."""
        self.fast = False
        for kind in _SLAB:
            self.quiet[kind] = 0

    def grow(self, callers: int) -> None:
        """Make room for so many callers."""
        missing = callers - len(self.live_pages)
        if missing > 0:
            for column in (self.requests, self.live_pages, self.reserve_pages):
                column.extend(array("q", bytes(8 * missing)))
            self.watched.extend(bytes(missing))


def fit_cpus(batch: EventBatch, ncpus: int) -> None:
    """Map the cpus of a batch to those the machine has."""
    cpus = batch.cpu
    for row in range(len(cpus)):
        if cpus[row] >= ncpus:
            cpus[row] = cpus[row] % ncpus


def run_rows(state: LoopState, batch: EventBatch, start: int, end: int) -> int:  # noqa: PLR0915 - one hot loop, unpacked
    """Replay rows from ``start``; index of the first one that is not ordinary, or ``end``.

    Rows of kinds that change nothing are only counted.  ``state.extfrag_log`` is looked at by the
    engine after each return; a row that filled it is complete and the next index is returned.
    """
    kinds, kind, pfns, orders = state.kinds, batch.kind, batch.pfn, batch.order
    gfps, callers, contexts, cpus = batch.gfp, batch.caller, batch.context, batch.cpu
    handles, allocator, live, first = batch.handle, state.allocator, state.live, state.first_pfn
    shapes, watched, live_pages, quiet = state.shapes, state.watched, state.live_pages, state.quiet
    log, fast, recorded, glances = state.extfrag_log, state.fast, state.recorded, state.glances
    requests, is_plain, state.tried = state.requests, state.is_plain, 0
    state.results.reserve(end - start)
    results, used, row = state.results.data, state.results.used, start
    succeeded, freed, released, unknown = 0, 0, 0, 0
    stop = end if glances is None else glances.due(batch, start, end, state)
    while row < stop:
        what = kind[row]
        if what == _ALLOC:
            pfn, caller, order = pfns[row], callers[row], orders[row]
            if not fast or pfn < 0 or handles[row] >= 0 or watched[caller]:
                break
            shape = gfps[row]
            shape = shape << 32 | caller << 12 | order << 8 | contexts[row]
            place = shapes.place_of(shape)
            if not shapes.counts[place]:
                break
            slot = live.slot_of(pfn)
            if slot >= 0 and live.entries[slot] >= 0:
                if not release_live(live, slot, first, live_pages, allocator, cpus[row]):
                    break
                released += 1
            sim = pfn if recorded else allocator.alloc_fast(order, gfps[row], cpus[row], 0)
            if sim < 0:
                sim = try_again(state, shapes.rights[place], order, gfps[row], cpus[row], caller)
            if sim < 0 or (recorded and not allocator.take_whole(pfn, order)):
                break
            shapes.counts[place] += 1
            requests[caller] += 1
            live.begin(slot, pfn, sim << 36 | caller << 4 | order, sim - first)
            live_pages[caller] += 1 << order
            results[used + succeeded + freed] = sim
            succeeded += 1
        elif what == _FREE:
            order = orders[row]
            if handles[row] >= 0:
                break
            sim = end_block(live, live.slot_of(pfns[row]), order, first, live_pages)
            if sim < 0:
                if not is_plain or not is_unknown(live, allocator, pfns[row], order, first):
                    break
                sim = pfns[row]
                unknown += 1
            allocator.free_pages(sim, order, cpus[row])
            results[used + succeeded + freed] = sim
            freed += 1
        elif not quiet[what] and not (is_plain and note_kswapd(allocator, what)):
            break
        kinds[what] += 1
        row += 1
        if log:
            break
        if row == stop and glances is not None:
            stop = glances.due(batch, row, end, state)
    state.results.used += succeeded + freed
    state.succeeded += succeeded
    state.freed += freed
    state.alloc_live += released
    state.free_unknown += unknown
    return row


def note_kswapd(allocator: PageAllocator, kind: int) -> bool:
    """A recorded run of kswapd begins or ends: it keeps the pcp lists short (fact sheet 7.2).

    False, and nothing done, for a row of another kind.
    """
    if kind not in (_KSWAPD_WAKE, _KSWAPD_SLEEP):
        return False
    for zone in allocator.zones:
        zone.reclaim_active = kind == _KSWAPD_WAKE
    return True


def is_background(
    live: LiveBlocks, allocator: PageAllocator, pfn: int, order: int, first: int
) -> bool:
    """Are all pages of a block of the machine in use since before the run?

    ``first``: the machine's first pfn.  O(pages of the block).
    """
    end = pfn + (1 << order)
    if pfn < first or end > first + len(live.owners):
        return False
    while pfn < end:
        if live.slot_covering(pfn, first) >= 0 or allocator.is_free(pfn):
            return False
        pfn += 1
    return True


def is_unknown(
    live: LiveBlocks, allocator: PageAllocator, pfn: int, order: int, first: int
) -> bool:
    """Does a recorded free concern a block that was in use before, and no live one's part?"""
    return live.covering(pfn) < 0 and is_background(live, allocator, pfn, order, first)


def end_block(live: LiveBlocks, slot: int, order: int, first: int, live_pages: array[int]) -> int:
    """End the live block of this order in a slot; its simulated pfn.

    -1, and nothing done, when there is none or when it is nowhere.
    """
    entry = live.entries[slot] if slot >= 0 else -1
    sim = entry >> 36
    if entry < 0 or entry & 15 != order or sim == _NOWHERE:
        return -1
    live.end(slot, sim - first)
    live_pages[entry >> 4 & _CALLER_MASK] -= 1 << order
    return sim


def release_live(
    live: LiveBlocks,
    slot: int,
    first: int,
    live_pages: array[int],
    allocator: PageAllocator,
    cpu: int,
) -> bool:
    """Free the live block in a slot, whose pages the recording allocates anew.

    Its own free was not recorded.  False, and nothing done, when the block is nowhere.
    """
    order = live.entries[slot] & 15
    sim = end_block(live, slot, order, first, live_pages)
    return sim >= 0 and allocator.free_pages(sim, order, cpu)


def try_again(state: LoopState, rights: int, order: int, gfp: int, cpu: int, caller: int) -> int:
    """A request that the low mark denied, at the min mark or later where it may; pfn or -1."""
    state.tried = 1
    if not state.is_plain or not rights:
        return -1
    allocator = state.allocator
    pfn = allocator.alloc_woken(order, gfp, rights, cpu, 0)
    if pfn >= 0:
        if uses_reserves(gfp) and allocator.is_reserve(pfn):
            state.reserve_pages[caller] += 1 << order
    elif rights & _WAITS:
        pfn = wait_for_page(allocator, gfp, rights, cpu)
        if pfn >= 0:
            state.stalls[allocator.class_index(gfp)] += 1
    state.tried = 2 if pfn < 0 else 0
    return pfn


def uses_reserves(gfp: int) -> bool:
    """May a request go below the min mark by right, rather than with its last page?"""
    return not gfp & _WAIT or gfp & _RESERVE_RIGHTS != 0

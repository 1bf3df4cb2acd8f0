"""The inner loop of runs that will be undone: the machine moves on, the books do not.

Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.source.event import EventBatch, EventKind

if TYPE_CHECKING:
    from buddysim.replay.loop import LoopState

__all__ = ["NOBODY", "follow_rows", "next_request"]

NOBODY = -1
"""Stands for "no caller"."""

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_NOWHERE = (1 << 27) - 1
_NO_BLOCK = -1


def next_request(batch: EventBatch, start: int, end: int, chosen: bytearray) -> int:
    """Row of the next request that worked in the recording, of a caller marked in ``chosen``.

    ``end`` when there is none.
    """
    kind, pfns, callers = batch.kind, batch.pfn, batch.caller
    row = start
    while row < end:
        if kind[row] == _ALLOC and pfns[row] >= 0 and chosen[callers[row]]:
            break
        row += 1
    return row


def follow_rows(
    state: LoopState, batch: EventBatch, start: int, end: int, doomed: int, awaited: int
) -> int:
    """Replay rows from ``start``; index of the first one that is not ordinary, or ``end``.

    Every request of caller ``doomed`` fails and leaves a block that is nowhere.  A request of
    caller ``awaited`` is not ordinary.  Blocks, lists and counters of the machine change as in
    ``loop.run_rows``; nothing is counted.
    """
    kind, pfns, orders, gfps = batch.kind, batch.pfn, batch.order, batch.gfp
    callers, cpus, quiet = batch.caller, batch.cpu, state.quiet
    allocator, live, first = state.allocator, state.live, state.first_pfn
    row = start
    while row < end:
        what = kind[row]
        if what == _ALLOC:
            pfn = pfns[row]
            caller = callers[row]
            order = orders[row]
            slot = live.slot_of(pfn)
            if pfn < 0 or caller == awaited or (slot >= 0 and live.entries[slot] >= 0):
                break
            if caller == doomed:
                live.put(pfn, _NOWHERE << 36 | caller << 4 | order)
            else:
                sim = allocator.alloc_fast(order, gfps[row], cpus[row], 0)
                if sim < 0:
                    break
                live.begin(slot, pfn, sim << 36 | caller << 4 | order, sim - first)
        elif what == _FREE:
            slot = live.slot_of(pfns[row])
            if slot < 0:
                break
            entry = live.entries[slot]
            order = orders[row]
            if entry < 0 or entry & 15 != order:
                break
            sim = entry >> 36
            if sim == _NOWHERE:
                live.set_entry(slot, _NO_BLOCK)
            else:
                live.end(slot, sim - first)
                allocator.free_pages(sim, order, cpus[row])
        elif not quiet[what]:
            break
        row += 1
    return row

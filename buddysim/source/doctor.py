"""Does a recording balance?  Pairs frees with allocations by pfn while the rows stream by.

Real traces never do: pages allocated before the recording, bulk allocation and page migration
leave no event, blocks are freed in parts, a lost event breaks a pair.  Nothing is repaired here;
every oddity is counted under a name, with what it may do to a replay in :data:`EFFECTS`.
Memory is O(live blocks).
"""

from __future__ import annotations

from buddysim.source.event import EventBatch, EventKind

__all__ = ["EFFECTS", "Doctor"]

EFFECTS: dict[str, str] = {
    "free_unknown": "frees of pages not seen allocated: taken before the recording, in bulk, or "
    "by migration; a replay has nothing to free",
    "alloc_live": "allocations of a page still thought live: its free was missed; a replay must "
    "free it first",
    "split_free": "blocks freed in parts; counted once, each part freed at its own order",
    "batched": "frees seen again as batched; counted once",
    "batched_only": "pages freed by a batched event alone: mm_page_free was not recorded",
    "order_mismatch": "frees of more pages than were allocated there",
    "time_backwards": "events older than the one before on their cpu: a clock stepped",
}
"""What each count means for whoever replays the trace."""

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_FREE_BATCHED = int(EventKind.FREE_BATCHED)
_NR_ORDERS = 11


class Doctor:
    """Counts inconsistencies: feed with :meth:`observe`, read :attr:`counts`."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(EFFECTS, 0)
        """Occurrences by name of :data:`EFFECTS`."""
        self._order_of: dict[int, int] = {}
        """Order of each live block by the pfn of its head."""
        self._blocks = [0] * _NR_ORDERS
        """Live blocks by order, so that absent orders need not be searched."""
        self._remainders: set[int] = set()
        """Heads of live blocks that are what is left of a larger one freed in parts."""
        self._clock: dict[int, int] = {}

    @property
    def live_blocks(self) -> int:
        """Blocks allocated and not freed so far."""
        return len(self._order_of)

    def observe(self, batch: EventBatch) -> None:
        """Take in the next rows.  O(rows * orders in use)."""
        clock = self._clock
        rows = zip(batch.kind, batch.pfn, batch.order, batch.cpu, batch.time_ns, strict=True)
        for kind, pfn, order, cpu, time_ns in rows:
            if time_ns < clock.get(cpu, time_ns):
                self.counts["time_backwards"] += 1
            clock[cpu] = time_ns
            if kind == _ALLOC:
                if pfn >= 0:
                    self._allocated(pfn, order)
            elif kind == _FREE:
                self._freed(pfn, order)
            elif kind == _FREE_BATCHED:
                self._freed_in_batch(pfn)

    def _allocated(self, pfn: int, order: int) -> None:
        if self._forget(pfn, order):
            self.counts["alloc_live"] += 1
        self._order_of[pfn] = order
        self._blocks[order] += 1

    def _freed(self, pfn: int, order: int) -> None:
        live = self._order_of.get(pfn, -1)
        if live == order:
            self._drop(pfn)
            return
        head = self._block_around(pfn, order)
        if head >= 0:
            self.counts["split_free"] += head not in self._remainders
            self._split(head, pfn, order)
        elif self._forget(pfn, order):
            self.counts["order_mismatch"] += 1
        else:
            self.counts["free_unknown"] += 1

    def _freed_in_batch(self, pfn: int) -> None:
        head = pfn if pfn in self._order_of else self._block_around(pfn, 0)
        if head < 0:
            self.counts["batched"] += 1
            return
        self.counts["batched_only"] += 1
        self._drop(head)

    def _block_around(self, pfn: int, order: int) -> int:
        """Head of the live block larger than ``order`` that holds ``pfn``, or -1."""
        for larger in range(order + 1, _NR_ORDERS):
            if self._blocks[larger]:
                head = pfn & -(1 << larger)
                if self._order_of.get(head, -1) >= larger:
                    return head
        return -1

    def _split(self, head: int, pfn: int, order: int) -> None:
        """Take [pfn, 1 << order) out of the live block at ``head``; the rest stays live."""
        whole = self._drop(head)
        for half in range(whole - 1, order - 1, -1):
            kept = (pfn & -(1 << half)) ^ (1 << half)
            self._order_of[kept] = half
            self._remainders.add(kept)
            self._blocks[half] += 1

    def _forget(self, pfn: int, order: int) -> bool:
        """Drop live blocks that share pages with [pfn, 1 << order); False when there are none."""
        heads = [head for head in (self._block_around(pfn, order),) if head >= 0]
        if order and any(self._blocks[:order]):
            heads += [page for page in range(pfn, pfn + (1 << order)) if page in self._order_of]
        elif pfn in self._order_of:
            heads.append(pfn)
        for head in set(heads):
            self._drop(head)
        return bool(heads)

    def _drop(self, head: int) -> int:
        """The block at ``head`` lives no more; its order."""
        order = self._order_of.pop(head)
        self._blocks[order] -= 1
        self._remainders.discard(head)
        return order

"""What the first event of every page was, gathered batch by batch.

Hot and compiled: see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.source.event import EventBatch, EventKind
from buddysim.units import PAGE_SIZE

__all__ = ["FirstEvents"]

_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)
_MOST_PAGES = (64 << 30) // PAGE_SIZE
"""Pages beyond are left out: one damaged number must not make a machine of terabytes."""
_LARGEST_ORDER = 10
_SEEN = 1 << 5


class FirstEvents:
    """Order and kind of each page's first event.  One byte per page up to the highest seen."""

    def __init__(self) -> None:
        self.pages = bytearray(1 << 16)
        """By pfn: 0, or ``_SEEN | order << 1 | kind`` of its first allocation or free."""
        self.highest_pfn = -1
        self.highest_cpu = 0

    def take(self, batch: EventBatch) -> None:
        """Look at a batch.  O(rows)."""
        row, rows = 0, len(batch)
        while row < rows:
            row = self._note(batch.kind, batch.order, batch.cpu, batch.pfn, row, rows)
            if row < rows:
                self._reach(batch.pfn[row])

    def _reach(self, pfn: int) -> None:
        """Make room for a page."""
        pages = len(self.pages)
        while pages <= pfn:
            pages *= 2
        self.pages.extend(bytes(pages - len(self.pages)))

    def _note(  # the compiled build takes no keywords here
        self,
        kinds: array[int],
        orders: array[int],
        cpus: array[int],
        pfns: array[int],
        row: int,
        rows: int,
    ) -> int:
        """Look at rows from ``row``; the first whose page has no byte yet, or ``rows``."""
        pages = self.pages
        room = len(pages)
        highest_cpu = self.highest_cpu
        found = rows
        for at in range(row, rows):
            highest_cpu = max(highest_cpu, cpus[at])
            kind = kinds[at]
            pfn = pfns[at]
            order = orders[at]
            if kind not in (_ALLOC, _FREE) or not 0 <= pfn < _MOST_PAGES:
                continue
            if not 0 <= order <= _LARGEST_ORDER:
                continue
            if pfn >= room:
                found = at
                break
            if not pages[pfn]:
                pages[pfn] = _SEEN | order << 1 | kind
                self.highest_pfn = max(self.highest_pfn, pfn)
        self.highest_cpu = highest_cpu
        return found

    def freed(self) -> list[tuple[int, int]]:
        """(pfn, order), ascending, of the blocks whose first event is their free."""
        pages = self.pages
        blocks = []
        for pfn in range(self.highest_pfn + 1):
            seen = pages[pfn]
            if seen and seen & 1 == _FREE:
                blocks.append((pfn, seen >> 1 & 15))
        return blocks

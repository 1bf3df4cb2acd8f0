"""Who holds which simulated pages: live blocks by key, and the way back from a page to its block.

A key is the recorded pfn in recordings and a running number in scripts.  Entries are packed ints
so that a live block costs one dict slot: sim pfn << 36 | caller << 4 | order.  A block whose
simulated allocation failed although the recording has it is kept with the pfn :data:`NOWHERE`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine

__all__ = ["NOWHERE", "Ledger", "caller_of", "order_of", "pack", "sim_pfn_of"]

NOWHERE = (1 << 27) - 1
"""Stands for "no simulated page"; larger than any pfn of a 512 GiB machine."""
_CALLER_MASK = (1 << 32) - 1
_BACKGROUND = -1
_MAX_ORDER = 10


def pack(sim_pfn: int, caller: int, order: int) -> int:
    """One ledger entry."""
    return sim_pfn << 36 | caller << 4 | order


def sim_pfn_of(entry: int) -> int:
    """Simulated pfn of an entry, or NOWHERE."""
    return entry >> 36


def caller_of(entry: int) -> int:
    """Caller index of an entry."""
    return entry >> 4 & _CALLER_MASK


def order_of(entry: int) -> int:
    """Order of an entry."""
    return entry & 15


class Ledger:
    """Live blocks.  ``owner[pfn - first]`` is the key of the block a page belongs to.

    Pages in use at the start belong to nobody we know; they are *background*.
    """

    def __init__(self, machine: Machine) -> None:
        self.live: dict[int, int] = {}
        self.first = min(zone.start_pfn for zone in machine.zones)
        end = max(zone.end_pfn for zone in machine.zones)
        self.owner = array("q", [_BACKGROUND]) * (end - self.first)
        self._machine = machine
        self._cursor = 0

    def add(self, key: int, sim_pfn: int, caller: int, order: int) -> None:
        """A block came to life.  O(pages of it)."""
        self.live[key] = pack(sim_pfn, caller, order)
        if sim_pfn != NOWHERE:
            self._own(sim_pfn, order, key)

    def remove(self, key: int) -> int:
        """Forget a block; its entry.  Raises KeyError."""
        entry = self.live.pop(key)
        if sim_pfn_of(entry) != NOWHERE:
            self._own(sim_pfn_of(entry), order_of(entry), _BACKGROUND)
        return entry

    def split(self, key: int, piece: int, order: int) -> list[tuple[int, int]]:
        """Cut a live block so that its piece number ``piece`` of ``order`` is an entry itself.

        The (key, order) pairs that replace it; keys are ``key`` plus the offset in pages.
        """
        entry = self.remove(key)
        sim_pfn, caller, size = sim_pfn_of(entry), caller_of(entry), order_of(entry)
        pieces = []
        for offset, part in _pieces(piece << order, order, size):
            at = sim_pfn if sim_pfn == NOWHERE else sim_pfn + offset
            self.add(key + offset, at, caller, part)
            pieces.append((key + offset, part))
        return pieces

    def covering(self, key: int) -> int:
        """Key of the live block that contains page ``key`` (recordings), or -1.  O(10)."""
        for order in range(_MAX_ORDER + 1):
            head = key >> order << order
            entry = self.live.get(head)
            if entry is not None and order_of(entry) >= order:
                return head if key < head + (1 << order_of(entry)) else -1
        return -1

    def is_background(self, sim_pfn: int, order: int) -> bool:
        """Are all pages of this block in use since before the run?"""
        start = sim_pfn - self.first
        if start < 0 or start + (1 << order) > len(self.owner):
            return False
        return all(
            self.owner[start + page] == _BACKGROUND and not self._machine.is_free(sim_pfn + page)
            for page in range(1 << order)
        )

    def next_background(self) -> int:
        """The next page in use since before the run, in address order, or -1 after the last.

        One pass in all: such pages only become fewer.  O(pages) over the whole run.
        """
        while self._cursor < len(self.owner):
            pfn = self._cursor + self.first
            if self.owner[self._cursor] == _BACKGROUND and self._is_plain(pfn):
                return pfn
            self._cursor += 1
        return -1

    def _is_plain(self, pfn: int) -> bool:
        """In a zone, in use, and not page cache that reclaim owns."""
        machine = self._machine
        in_zone = any(zone.start_pfn <= pfn < zone.end_pfn for zone in machine.zones)
        return in_zone and pfn not in machine.lru and not machine.is_free(pfn)

    def migrated(self, old_pfn: int, new_pfn: int) -> None:
        """Compaction moved an order-0 page (``mm.protocols.MigrationObserver``)."""
        key = self.owner[old_pfn - self.first]
        self.owner[old_pfn - self.first] = _BACKGROUND
        self.owner[new_pfn - self.first] = key
        if key in self.live:
            entry = self.live[key]
            self.live[key] = pack(new_pfn, caller_of(entry), order_of(entry))

    def _own(self, sim_pfn: int, order: int, key: int) -> None:
        start = sim_pfn - self.first
        for page in range(start, start + (1 << order)):
            self.owner[page] = key


def _pieces(offset: int, order: int, size: int) -> Iterator[tuple[int, int]]:
    """Offsets and orders that remain when a block of ``size`` is halved down to one piece."""
    start = 0
    while size > order:
        size -= 1
        half = 1 << size
        if offset < start + half:
            yield start + half, size
        else:
            yield start, size
            start += half
    yield start, order

"""Who holds which simulated pages: live blocks by key, and the way back from a page to its block.

A key is the recorded pfn in recordings and a running number in scripts.  Entries are packed ints
so that a live block costs one of them: sim pfn << 36 | caller << 4 | order.  A block whose
simulated allocation failed although the recording has it is kept with the pfn :data:`NOWHERE`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.mm.free_area import PCP_HEAD
from buddysim.replay.live_blocks import NO_BLOCK, LiveBlocks
from buddysim.replay.loop import is_background

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine

__all__ = ["NOWHERE", "Ledger", "caller_of", "order_of", "pack", "sim_pfn_of"]

NOWHERE = (1 << 27) - 1
"""Stands for "no simulated page"; larger than any pfn of a 512 GiB machine."""
_CALLER_MASK = (1 << 32) - 1


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
    """Live blocks, and who owns a simulated page.

    Pages in use at the start belong to nobody we know; they are *background*.
    """

    def __init__(self, machine: Machine) -> None:
        self.first = min(zone.start_pfn for zone in machine.zones)
        end = max(zone.end_pfn for zone in machine.zones)
        self.live = LiveBlocks(end - self.first)
        self._machine = machine
        self.cursor = self.first
        """How far :meth:`next_background` has come."""

    def add(self, key: int, sim_pfn: int, caller: int, order: int) -> None:
        """A block came to life.  O(1).

        One that lived there, of whose end nothing is known, is forgotten: its pages become
        background.
        """
        if key in self.live:
            self.remove(key)
        slot = self.live.put(key, pack(sim_pfn, caller, order))
        if sim_pfn != NOWHERE:
            self.live.set_owner(sim_pfn - self.first, slot)

    def remove(self, key: int) -> int:
        """Forget a block; its entry.  Raises KeyError."""
        entry = self.live[key]
        self.live.set_entry(self.live.slot_of(key), NO_BLOCK)
        if sim_pfn_of(entry) != NOWHERE:
            self.live.set_owner(sim_pfn_of(entry) - self.first, NO_BLOCK)
        return entry

    def owner_of(self, sim_pfn: int) -> int:
        """Key of the live block that covers a simulated page of the machine, or -1.  O(orders)."""
        slot = self.live.slot_covering(sim_pfn, self.first)
        return NO_BLOCK if slot < 0 else self.live.key_at(slot)

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
        return self.live.covering(key)

    def is_background(self, sim_pfn: int, order: int) -> bool:
        """Are all pages of this block in use since before the run?"""
        return is_background(self.live, self._machine.allocator, sim_pfn, order, self.first)

    def next_background(self) -> int:
        """The next page in use since before the run, in address order, or -1 after the last.

        One pass in all: such pages only become fewer.  O(blocks) over the whole run.
        """
        end = self.first + len(self.live.owners)
        while self.cursor < end:
            known = self._known_pages(self.cursor)
            if not known:
                return self.cursor
            self.cursor += known
        return NO_BLOCK

    def _known_pages(self, pfn: int) -> int:
        """Pages from here on that are free, live, page cache or outside all zones; 0: none."""
        zone = self._machine.allocator.zone_of(pfn)
        if zone is None:
            return 1
        head = zone.block_of(pfn - zone.base)
        if head >= 0:
            held = zone.order_of[head]
            return head + (1 << (held if held >= 0 else PCP_HEAD - held)) + zone.base - pfn
        slot = self.live.slot_covering(pfn, self.first)
        if slot >= 0:
            entry = self.live.entries[slot]
            return sim_pfn_of(entry) + (1 << order_of(entry)) - pfn
        return 1 if pfn in self._machine.lru else 0

    def migrated(self, old_pfn: int, new_pfn: int) -> None:
        """Compaction moved an order-0 page (``mm.protocols.MigrationObserver``)."""
        slot = self.live.owner(old_pfn - self.first)
        self.live.set_owner(old_pfn - self.first, NO_BLOCK)
        self.live.set_owner(new_pfn - self.first, slot)
        if slot >= 0:
            entry = self.live.entries[slot]
            self.live.set_entry(slot, pack(new_pfn, caller_of(entry), order_of(entry)))


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

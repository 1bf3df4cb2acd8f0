"""Live blocks by key, in typed columns: no Python object per block, and an undo log.

A key (a recorded pfn, or a script's running number) finds its entry through two levels: chunks of
512 neighbouring keys, allocated when first written.  An entry is one packed integer, see
``ledger.py``.  ``owners`` is the way back, from the first simulated page of a block to its entry's
slot.  Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from buddysim.mm.page_arrays import zeroed

__all__ = ["NO_BLOCK", "LiveBlocks"]

NO_BLOCK = -1
"""Stands for "no entry", "no slot" and "no key"."""

_NO_BLOCK = NO_BLOCK
_CHUNK_BITS = 9
_CHUNK_MASK = (1 << 9) - 1
_ROOT_LIMIT = 1 << 23
_MAX_ORDER = 10
_ORDER_MASK = 15
_ENTRY = 0
_OWNER = 1
_JOURNAL_ENTRY = 3


class LiveBlocks:
    """A mapping of key (>= 0) to entry (>= 0), and of simulated page to key.

    Reads and writes are O(1); memory is 8 bytes for each key of a touched chunk, and 4 bytes for
    each simulated page.
    """

    def __init__(self, nr_pages: int) -> None:
        """``nr_pages``: extent of the machine, from its first pfn to its last."""
        self.root = array("i")
        self.entries = array("q")
        self.bases = array("q")
        """First key of each chunk."""
        self.nr_chunks = 0
        self.far: dict[int, int] = {}
        """Chunks of keys that ``root`` does not reach: none but in damaged recordings."""
        self.owners = zeroed("i", nr_pages)
        """By simulated page: 1 + the slot of the block that starts there; 0: none."""
        self.count = 0
        self.journaling = False
        self.journal = array("q")
        self.journal_used = 0

    def slot_of(self, key: int) -> int:
        """Where the entry of ``key`` is, or -1 when nothing near it was ever live."""
        number = key >> _CHUNK_BITS
        if 0 <= number < len(self.root):
            chunk = self.root[number]
        else:
            chunk = self.far_chunk(number)
        return _NO_BLOCK if chunk < 0 else chunk << _CHUNK_BITS | key & _CHUNK_MASK

    def far_chunk(self, number: int) -> int:
        """Chunk number of keys that ``root`` does not reach, or -1."""
        return self.far.get(number, _NO_BLOCK) if self.far else _NO_BLOCK

    def find(self, key: int) -> int:
        """Entry of a key, or -1."""
        slot = self.slot_of(key)
        return _NO_BLOCK if slot < 0 else self.entries[slot]

    def put(self, key: int, entry: int) -> int:
        """Write the entry of a key >= 0; its slot."""
        slot = self.slot_of(key)
        if slot < 0:
            slot = self.new_slot(key)
        self.set_entry(slot, entry)
        return slot

    def set_entry(self, slot: int, entry: int) -> None:
        """Write one entry (-1: the block is gone), journalled."""
        before = self.entries[slot]
        if self.journaling:
            self.note(_ENTRY, slot, before)
        self.count += (entry >= 0) - (before >= 0)
        self.entries[slot] = entry

    def set_owner(self, page: int, slot: int) -> None:
        """Say which entry the block that starts at a page belongs to (-1: to none), journalled."""
        if self.journaling:
            self.note(_OWNER, page, self.owners[page])
        self.owners[page] = slot + 1

    def owner(self, page: int) -> int:
        """Slot of the entry of the block that starts at a page, or -1."""
        return self.owners[page] - 1

    def begin(self, slot: int, key: int, entry: int, page: int) -> None:
        """A block came to life at a simulated page.  ``slot``: as :meth:`slot_of` its key."""
        if slot < 0:
            slot = self.new_slot(key)
        self.set_entry(slot, entry)
        self.set_owner(page, slot)

    def end(self, slot: int, page: int) -> None:
        """The block in ``slot``, which started at a simulated page, is gone."""
        self.set_entry(slot, _NO_BLOCK)
        self.set_owner(page, _NO_BLOCK)

    def new_slot(self, key: int) -> int:
        """Allocate the chunk of a key; the key's slot.  Raises ValueError for a negative key."""
        if key < 0:
            raise ValueError(f"key {key}: expected 0 or more")
        number = key >> _CHUNK_BITS
        chunk = self.nr_chunks
        if chunk == len(self.bases):
            self.grow()
        if number >= _ROOT_LIMIT:
            self.far[number] = chunk
        else:
            if number >= len(self.root):
                self.grow_root(number)
            self.root[number] = chunk
        self.bases[chunk] = number << _CHUNK_BITS
        self.nr_chunks = chunk + 1
        return chunk << _CHUNK_BITS | key & _CHUNK_MASK

    def grow_root(self, number: int) -> None:
        """Let ``root`` reach chunk ``number`` and some way beyond."""
        root = array("i", bytes(self.root))
        root.extend(array("i", [_NO_BLOCK]) * (number + 1 + number // 2 - len(root)))
        self.root = root

    def grow(self) -> None:
        """Make room for half as many chunks again."""
        more = self.nr_chunks // 2 + 4
        entries = array("q", bytes(self.entries))
        entries.extend(array("q", [_NO_BLOCK]) * (more << _CHUNK_BITS))
        self.entries = entries
        bases = array("q", bytes(self.bases))
        bases.extend(array("q", bytes(8 * more)))
        self.bases = bases

    def key_at(self, slot: int) -> int:
        """The key whose entry is in a slot."""
        return self.bases[slot >> _CHUNK_BITS] + (slot & _CHUNK_MASK)

    def slot_covering(self, pfn: int, first: int) -> int:
        """Slot of the block that covers a simulated page, or -1.  O(orders).

        ``first``: the pfn of page 0.  Blocks are aligned to their size.
        """
        order = 0
        while order <= _MAX_ORDER:
            head = pfn >> order << order
            slot = self.owners[head - first] - 1 if head >= first else _NO_BLOCK
            if slot >= 0 and head + (1 << (self.entries[slot] & _ORDER_MASK)) > pfn:
                return slot
            order += 1
        return _NO_BLOCK

    def covering(self, key: int) -> int:
        """Key of the block that covers a recorded page ``key``, or -1.  O(orders)."""
        order = 0
        while order <= _MAX_ORDER:
            head = key >> order << order
            entry = self.find(head)
            if entry >= 0 and entry & _ORDER_MASK >= order:
                return head
            order += 1
        return _NO_BLOCK

    def note(self, what: int, index: int, old: int) -> None:
        """Append one undo record, doubling the log when it is full."""
        used = self.journal_used
        if used + _JOURNAL_ENTRY > len(self.journal):
            grown = array("q", bytes(self.journal))
            grown.extend(array("q", bytes(8 * max(len(self.journal), 3 << 12))))
            self.journal = grown
        self.journal[used] = what
        self.journal[used + 1] = index
        self.journal[used + 2] = old
        self.journal_used = used + _JOURNAL_ENTRY

    def roll_back(self, mark: int) -> None:
        """Undo every write after position ``mark`` of the log, newest first."""
        position = self.journal_used
        while position > mark:
            position -= _JOURNAL_ENTRY
            index = self.journal[position + 1]
            old = self.journal[position + 2]
            if self.journal[position] == _OWNER:
                self.owners[index] = old
            else:
                self.count += (old >= 0) - (self.entries[index] >= 0)
                self.entries[index] = old
        self.journal_used = mark

    def __len__(self) -> int:
        return self.count

    def __contains__(self, key: int) -> bool:
        return self.find(key) >= 0

    def __getitem__(self, key: int) -> int:
        entry = self.find(key)
        if entry < 0:
            raise KeyError(key)
        return entry

    def get(self, key: int, default: int = NO_BLOCK) -> int:
        """Entry of a key, or ``default``."""
        entry = self.find(key)
        return default if entry < 0 else entry

    def items(self) -> Iterator[tuple[int, int]]:
        """Every live (key, entry), by chunk.  O(keys of touched chunks)."""
        for slot, entry in enumerate(self.entries):
            if entry >= 0:
                yield self.key_at(slot), entry

    def values(self) -> Iterator[int]:
        """Every live entry.  O(keys of touched chunks)."""
        return (entry for entry in self.entries if entry >= 0)

"""How often each kind of request was made, and its rights: an open-addressed table of integers.

Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

__all__ = ["ShapeCounts"]

_FIRST_SIZE = 256


class ShapeCounts:
    """Counts by key, 0 <= key < 2^64; there are few kinds, so the table stays in the cache.

    A kind is introduced once and counted from then on.  ``counts`` holds one more than it was
    counted: 0 marks an unused place.
    """

    def __init__(self) -> None:
        self.keys = array("Q", bytes(8 * _FIRST_SIZE))
        self.counts = array("q", bytes(8 * _FIRST_SIZE))
        self.rights = array("i", bytes(4 * _FIRST_SIZE))
        """Alloc flags of a second attempt, at the min mark; 0: the slow path is for others."""
        self.mask = _FIRST_SIZE - 1
        self.used = 0

    def place_of(self, key: int) -> int:
        """Where a key is, or where it would go."""
        place = (key ^ key >> 13 ^ key >> 29 ^ key >> 37) & self.mask
        while self.counts[place] and self.keys[place] != key:
            place = (place + 1) & self.mask
        return place

    def knows(self, key: int) -> bool:
        """Was this kind introduced?"""
        return self.counts[self.place_of(key)] != 0

    def introduce(self, key: int, alloc_flags: int) -> None:
        """A kind that is not known, and the rights of its second attempt.  O(1)."""
        if 2 * self.used > self.mask:
            self.grow()
        place = self.place_of(key)
        self.keys[place] = key
        self.counts[place] = 1
        self.rights[place] = alloc_flags
        self.used += 1

    def add(self, key: int) -> None:
        """Count one more of a kind that is known.  O(1)."""
        self.counts[self.place_of(key)] += 1

    def grow(self) -> None:
        """Double the table."""
        known = [row for row in zip(self.keys, self.counts, self.rights, strict=True) if row[1]]
        size = 2 * (self.mask + 1)
        self.keys = array("Q", bytes(8 * size))
        self.counts = array("q", bytes(8 * size))
        self.rights = array("i", bytes(4 * size))
        self.mask = size - 1
        for key, count, rights in known:
            place = self.place_of(key)
            self.keys[place] = key
            self.counts[place] = count
            self.rights[place] = rights

    def items(self) -> Iterator[tuple[int, int]]:
        """Every (key, count) that was counted, in no particular order."""
        pairs = zip(self.keys, self.counts, strict=True)
        return ((key, count - 1) for key, count in pairs if count > 1)

"""How often each kind of request was made: an open-addressed table of packed integers.

Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

__all__ = ["ShapeCounts"]

_FIRST_SIZE = 256


class ShapeCounts:
    """Counts by key, 0 <= key < 2^64; there are few kinds, so the table stays in the cache.

    A count of 0 marks an unused place: a key is in the table from its first :meth:`add` on.
    """

    def __init__(self) -> None:
        self.keys = array("Q", bytes(8 * _FIRST_SIZE))
        self.counts = array("q", bytes(8 * _FIRST_SIZE))
        self.mask = _FIRST_SIZE - 1
        self.used = 0

    def place_of(self, key: int) -> int:
        """Where a key is, or where it would go."""
        place = (key ^ key >> 13 ^ key >> 29 ^ key >> 37) & self.mask
        while self.counts[place] and self.keys[place] != key:
            place = (place + 1) & self.mask
        return place

    def add(self, key: int) -> int:
        """Count one more; how often it was counted before.  O(1)."""
        place = self.place_of(key)
        before = self.counts[place]
        if not before:
            if 2 * self.used > self.mask:
                self.grow()
                place = self.place_of(key)
            self.keys[place] = key
            self.used += 1
        self.counts[place] = before + 1
        return before

    def grow(self) -> None:
        """Double the table."""
        pairs = list(self.items())
        size = 2 * (self.mask + 1)
        self.keys = array("Q", bytes(8 * size))
        self.counts = array("q", bytes(8 * size))
        self.mask = size - 1
        for key, count in pairs:
            place = self.place_of(key)
            self.keys[place] = key
            self.counts[place] = count

    def items(self) -> Iterator[tuple[int, int]]:
        """Every (key, count), in no particular order."""
        return (pair for pair in zip(self.keys, self.counts, strict=True) if pair[1])

"""Memory of columns that are kept, in large pages.

To touch a page for the first time takes longer than to copy what goes there, and half a million
rows are five thousand small pages, or ten large ones.
"""

from __future__ import annotations

import mmap
from array import array

__all__ = ["Room"]

_CHUNK_BYTES = 8 << 20
_LINE_BYTES = 64
_LARGE_PAGES = getattr(mmap, "MADV_HUGEPAGE", None)


class Room:
    """Hands out memory that is never given back; a chunk goes with the last view of it."""

    def __init__(self) -> None:
        self._free = memoryview(bytearray())

    def copied(self, column: array[int], start: int, stop: int) -> memoryview[int]:
        """A copy of some rows of a column, writable, of the same type.  O(rows)."""
        rows = memoryview(column)[start:stop]
        if rows.nbytes > len(self._free):
            self._free = memoryview(_chunk(max(_CHUNK_BYTES, rows.nbytes)))
        place: memoryview[int] = self._free[: rows.nbytes].cast(rows.format)  # type: ignore[call-overload]  # an array's typecode
        self._free = self._free[-(-rows.nbytes // _LINE_BYTES) * _LINE_BYTES :]
        place[:] = rows
        return place


def _chunk(size: int) -> mmap.mmap:
    """Fresh memory, of large pages where the system has them."""
    chunk = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANON)
    if _LARGE_PAGES is not None:
        try:
            chunk.madvise(_LARGE_PAGES)
        except OSError:
            return chunk  # a kernel without them
    return chunk

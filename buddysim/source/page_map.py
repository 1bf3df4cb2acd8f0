"""What every page of a machine was used for: /proc/kpageflags, one byte a page (fact sheet 12.5).

The kernel prints 64 flag bits a page.  Of these we keep what a replay can use: free, on an LRU,
slab, huge, reserved, no page at all, mapped, page table.  ``/proc/kpagecount`` would add only how
often a page is mapped, which nothing here needs.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.kernel.constants import MAX_PAGE_ORDER

__all__ = ["PAGE_MAP_NAME", "PageKind", "PageMap", "read_page_map", "runs_to_blocks"]

PAGE_MAP_NAME = "kpageflags.{moment}.map"
"""Name of the file in a packed trace; ``moment`` is ``before`` or ``after``."""

_KPAGEFLAGS = Path("/proc/kpageflags")
_HEAD = struct.Struct("<8sQ")
_MAGIC = b"BSPAGES\0"
_WORD_BYTES = 8
_BLOCK_BYTES = 1 << 20
_PAGES_MAX = 1 << 28


class PageKind(IntFlag):
    """Bits of one page's byte."""

    FREE = 1
    """Inside a free block of the buddy allocator (KPF_BUDDY)."""
    LRU = 2
    SLAB = 4
    HUGE = 8
    """Part of a huge page, of hugetlb or transparent."""
    RESERVED = 16
    """Never given to the allocator, offline or poisoned."""
    HOLE = 32
    """There is no such page."""
    MAPPED = 64
    PAGE_TABLE = 128


_KPF = {
    5: PageKind.LRU,
    7: PageKind.SLAB,
    10: PageKind.FREE,
    11: PageKind.MAPPED,
    17: PageKind.HUGE,
    19: PageKind.RESERVED,
    20: PageKind.HOLE,
    22: PageKind.HUGE,
    23: PageKind.RESERVED,
    26: PageKind.PAGE_TABLE,
    32: PageKind.RESERVED,
}
"""Bit of /proc/kpageflags -> what it means to us."""


def _tables() -> dict[int, bytes]:
    """Which byte of a little-endian flag word says what: byte number -> translation table."""
    tables: dict[int, bytearray] = {}
    for bit, kind in _KPF.items():
        table = tables.setdefault(bit // 8, bytearray(256))
        for value in range(256):
            if value >> bit % 8 & 1:
                table[value] |= kind
    return {number: bytes(table) for number, table in tables.items()}


_TABLES = _tables()


@dataclass(frozen=True)
class PageMap:
    """``kinds[pfn]``: :class:`PageKind` bits."""

    kinds: bytes

    def packed(self) -> bytes:
        """The bytes kept in a packed trace."""
        return _HEAD.pack(_MAGIC, len(self.kinds)) + zlib.compress(self.kinds, 6)

    @staticmethod
    def unpacked(content: bytes, path: str = "") -> PageMap:
        """Inverse of :meth:`packed`.  Raises TraceError."""
        try:
            magic, pages = _HEAD.unpack_from(content)
            if magic != _MAGIC or pages > _PAGES_MAX:
                raise ValueError
            inflater = zlib.decompressobj()
            kinds = inflater.decompress(content[_HEAD.size :], pages + 1)
            if len(kinds) != pages or not inflater.eof:
                raise ValueError
        except (struct.error, zlib.error, ValueError):
            raise TraceError("damaged page map", path=path) from None
        return PageMap(kinds)

    def mask(self, kind: PageKind, start: int = 0, end: int | None = None) -> bytes:
        """1 for each page of a span that has any bit of ``kind``, else 0.  O(pages)."""
        table = bytes(value & kind != 0 for value in range(256))
        return self.kinds[start:end].translate(table)

    def count(self, kind: PageKind, start: int = 0, end: int | None = None) -> int:
        """Pages of a span that have any bit of ``kind``.  O(pages)."""
        return self.mask(kind, start, end).count(1)

    def by_kind(self) -> dict[str, int]:
        """Pages with each bit of :class:`PageKind`, by its name in lower case.  O(pages)."""
        return {str(kind.name).lower(): self.count(kind) for kind in PageKind}

    def runs(self, kind: PageKind, start: int, end: int) -> Iterator[tuple[int, int]]:
        """(first pfn, end pfn) of maximal runs of pages with any bit of ``kind``."""
        for match in re.finditer(b"\x01+", self.mask(kind, start, end)):
            yield match.start() + start, match.end() + start

    def free_blocks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """(pfn, order) of the free blocks of a span, ascending."""
        yield from runs_to_blocks(self.runs(PageKind.FREE, start, end))


def runs_to_blocks(runs: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(pfn, order) of the free blocks that make up runs of free pages.

    Free buddies merge: so of a run every aligned stretch that fits, up to the largest order, is
    one block, and the cut is the only possible one.  (The exception, two free buddies of
    pageblock order or more in blocks of CMA or ISOLATE, counts as merged.)
    """
    for first, end in runs:
        pfn = first
        while pfn < end:
            order = min(MAX_PAGE_ORDER, (pfn & -pfn).bit_length() - 1 if pfn else MAX_PAGE_ORDER)
            order = min(order, (end - pfn).bit_length() - 1)
            yield pfn, order
            pfn += 1 << order


def read_page_map(path: Path = _KPAGEFLAGS) -> PageMap:
    """Take the map of the running kernel.  Raises OSError when it may not be read.

    O(pages of the machine), about 0.15 s a million pages, nearly all of it in the kernel; the map
    is as blurred as that takes.
    """
    parts = []
    with path.open("rb", buffering=0) as file:
        block = bytearray(_BLOCK_BYTES)
        view = memoryview(block)
        while size := file.readinto(view):
            parts.append(_kinds(bytes(view[: size - size % _WORD_BYTES])))
    return PageMap(b"".join(parts))


def _kinds(words: bytes) -> bytes:
    """Flag words to kinds, byte lane by byte lane: the bits they set are disjoint."""
    pages = len(words) // _WORD_BYTES
    merged = 0
    for lane, table in _TABLES.items():
        merged |= int.from_bytes(words[lane::_WORD_BYTES].translate(table), "little")
    return merged.to_bytes(pages, "little")

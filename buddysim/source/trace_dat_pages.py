"""Where the ring buffer pages of a trace.dat lie, cpu by cpu, and in which order to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from mmap import mmap

from buddysim.source.ring_buffer import RingBuffer
from buddysim.source.trace_dat_header import CpuPages, TraceDatHeader, decompressor

__all__ = ["CpuReader", "blocks_of", "read_by_time"]

_BLOCK_PAGES = 16
_LAST = (1 << 64) - 1


class CpuReader:
    """Reads one cpu's pages, block by block, into rows."""

    def __init__(self, buffer: RingBuffer, blocks: Iterator[bytes]) -> None:
        """``blocks`` hold whole pages and raise ValueError where the file is cut or damaged."""
        self.buffer = buffer
        self.is_cut = False
        """The pages end in damage."""
        self._blocks = blocks
        self._block = b""
        self._pos = 0

    def has_page(self) -> bool:
        """Go to the next page that holds anything, if it is not at hand yet."""
        while self._pos == len(self._block):
            try:
                block = next(self._blocks, None)
            except ValueError:
                return self._end(is_cut=True)
            if block is None:
                return self._end(is_cut=False)
            self._block, self._pos = block, self.buffer.enter(block)
        return self._pos >= 0 or self._end(is_cut=True)

    def read(self, until: int) -> None:
        """Read the page at hand, and of its block those after it that begin up to ``until``."""
        self._pos = self.buffer.read(self._block, self._pos, until)

    def _end(self, *, is_cut: bool) -> bool:
        self.buffer.release()
        self.is_cut = is_cut
        return False


def read_by_time(readers: list[CpuReader]) -> Iterator[int]:
    """Read all pages, oldest first; after each step the clock's time of the oldest page to come.

    A step is a few pages of one cpu.  Pages of one time come in the order of their readers.
    """
    waiting: list[tuple[int, int]] = []
    for place, reader in enumerate(readers):
        if reader.has_page():
            heappush(waiting, (reader.buffer.begins, place))
    while waiting:
        _, place = heappop(waiting)
        reader = readers[place]
        reader.read(_before(waiting[0], place) if waiting else _LAST)
        if reader.has_page():
            heappush(waiting, (reader.buffer.begins, place))
        yield waiting[0][0] if waiting else _LAST


def _before(other: tuple[int, int], place: int) -> int:
    """The last time at which a page of reader ``place`` comes before that of another reader."""
    time, other_place = other
    return time if place < other_place else time - 1


def blocks_of(data: mmap, pages: CpuPages, header: TraceDatHeader, path: str) -> Iterator[bytes]:
    """Some pages of one cpu at a time.

    Raises ValueError when the file is cut or damaged, TraceError for an unknown compression.
    """
    if not pages.size:
        return iter(())
    if pages.is_compressed:
        return _chunks(data, pages.offset, decompressor(header.compression, path))
    nr_pages = -(-pages.size // header.page_bytes)
    return _plain_blocks(data, pages.offset, nr_pages, header.page_bytes)


def _plain_blocks(data: mmap, offset: int, nr_pages: int, page_bytes: int) -> Iterator[bytes]:
    for first in range(0, nr_pages, _BLOCK_PAGES):
        wanted = min(_BLOCK_PAGES, nr_pages - first)
        start = offset + first * page_bytes
        block = data[start : start + wanted * page_bytes]
        yield block
        if len(block) <= (wanted - 1) * page_bytes:
            raise ValueError("pages beyond the end of the file")


def _chunks(data: mmap, offset: int, inflate: Callable[[bytes, int], bytes]) -> Iterator[bytes]:
    """Decompressed parts: their number, then for each both sizes and the bytes."""
    count = int.from_bytes(data[offset : offset + 4], "little")
    pos = offset + 4
    for _ in range(count):
        packed = int.from_bytes(data[pos : pos + 4], "little")
        whole = int.from_bytes(data[pos + 4 : pos + 8], "little")
        content = data[pos + 8 : pos + 8 + packed]
        if len(content) < packed or not packed:
            raise ValueError("chunk cut")
        yield inflate(content, whole)
        pos += 8 + packed

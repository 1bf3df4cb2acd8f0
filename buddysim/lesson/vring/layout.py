"""Where everything lies in a ring's memory, and how many contiguous pages that takes.

    offset 0          num descriptors of 16 bytes: address u64, length u32, flags u16, next u16
    after them        available: flags u16, index u16, num heads u16       (written by the user)
    next page start   used: flags u16, index u16, num of (head u32, length u32)     (by the kernel)

The used ring starts a page and must fit in it: the kernel pins that one page, and can then report
a buffer from interrupt context, where a page fault could not be handled.  With 4 KiB pages that
leaves room for at most 256 entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.units import PAGE_SIZE, Order

__all__ = [
    "AVAIL_ENTRY_BYTES",
    "DESCRIPTOR_BYTES",
    "HEADER_BYTES",
    "MAX_ENTRIES",
    "USED_ENTRY_BYTES",
    "RingLayout",
]

DESCRIPTOR_BYTES = 16
HEADER_BYTES = 4
AVAIL_ENTRY_BYTES = 2
USED_ENTRY_BYTES = 8


def _max_entries(page_size: int) -> int:
    fits = (page_size - HEADER_BYTES) // USED_ENTRY_BYTES
    return 1 << (fits.bit_length() - 1)


MAX_ENTRIES = _max_entries(PAGE_SIZE)
"""256: the largest power of two whose used ring fits a 4 KiB page."""


@dataclass(frozen=True)
class RingLayout:
    """Offsets of a ring of ``num`` entries, a power of two.  Raises ValueError for any other size.

    The indexes run over 16 bits and wrap; only a power of two divides 65,536, so that entry
    ``index mod num`` stays right across the wrap.
    """

    num: int
    page_size: int = PAGE_SIZE

    def __post_init__(self) -> None:
        if self.num < 1 or self.num & (self.num - 1):
            raise ValueError(f"ring of {self.num} entries; the size must be a power of two")
        most = _max_entries(self.page_size)
        if self.num > most:
            raise ValueError(
                f"ring of {self.num} entries; the used ring must fit one page of "
                f"{self.page_size} bytes, so at most {most}"
            )

    @property
    def avail_offset(self) -> int:
        """Bytes from the start."""
        return self.num * DESCRIPTOR_BYTES

    @property
    def used_offset(self) -> int:
        """Bytes from the start; a multiple of the page size."""
        end = self.avail_offset + HEADER_BYTES + self.num * AVAIL_ENTRY_BYTES
        return -(-end // self.page_size) * self.page_size

    @property
    def nr_bytes(self) -> int:
        """The whole ring."""
        return self.used_offset + HEADER_BYTES + self.num * USED_ENTRY_BYTES

    @property
    def nr_pages(self) -> int:
        """Pages the ring covers."""
        return -(-self.nr_bytes // self.page_size)

    @property
    def order(self) -> Order:
        """Order of the one block that holds the ring when it must be contiguous."""
        return Order((self.nr_pages - 1).bit_length())

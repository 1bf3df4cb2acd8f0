"""The user's buffers: byte ranges that the kernel side may touch after checking them."""

from __future__ import annotations

from bisect import bisect_right

__all__ = ["UserMemory"]


class UserMemory:
    """Mapped ranges of one process.  Addresses are plain integers; ranges do not overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ranges: list[bytearray] = []

    def map(self, address: int, nr_bytes: int) -> None:
        """Add a zeroed range.  Raises ValueError when empty or overlapping one that is there."""
        if nr_bytes <= 0 or address < 0:
            raise ValueError(f"range of {nr_bytes} bytes at {address:#x}")
        at = bisect_right(self._starts, address)
        before = at and self._starts[at - 1] + len(self._ranges[at - 1]) > address
        after = at < len(self._starts) and address + nr_bytes > self._starts[at]
        if before or after:
            raise ValueError(f"{nr_bytes} bytes at {address:#x} overlap a mapped range")
        self._starts.insert(at, address)
        self._ranges.insert(at, bytearray(nr_bytes))

    def is_mapped(self, address: int, nr_bytes: int) -> bool:
        """Whether all bytes lie in one range.  O(log ranges)."""
        return self._find(address, nr_bytes) is not None

    def read(self, address: int, nr_bytes: int) -> bytes:
        """Copy out.  Raises ValueError for bytes that are not mapped."""
        data, offset = self._at(address, nr_bytes)
        return bytes(data[offset : offset + nr_bytes])

    def write(self, address: int, content: bytes) -> None:
        """Copy in.  Raises ValueError for bytes that are not mapped."""
        data, offset = self._at(address, len(content))
        data[offset : offset + len(content)] = content

    def _at(self, address: int, nr_bytes: int) -> tuple[bytearray, int]:
        found = self._find(address, nr_bytes)
        if found is None:
            raise ValueError(f"{nr_bytes} bytes at {address:#x} are not mapped")
        return found

    def _find(self, address: int, nr_bytes: int) -> tuple[bytearray, int] | None:
        at = bisect_right(self._starts, address) - 1
        if at < 0 or nr_bytes < 0:
            return None
        offset = address - self._starts[at]
        data = self._ranges[at]
        return (data, offset) if offset + nr_bytes <= len(data) else None

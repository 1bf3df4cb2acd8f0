"""Kernel addresses to ``symbol+0xoff``, from the text of /proc/kallsyms."""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path

__all__ = ["SymbolTable", "running_symbols"]

_LINE = re.compile(rb"^([0-9a-f]{1,16}) [tTwW] ([^\s]+)", re.MULTILINE)
_FARTHEST = 1 << 20
"""A symbol farther below an address than this is not its function."""


class SymbolTable:
    """Functions sorted by address."""

    def __init__(self, kallsyms: bytes) -> None:
        """``kallsyms``: lines ``ADDRESS TYPE NAME [MODULE]``; others are passed over."""
        found = [(int(address, 16), name) for address, name in _LINE.findall(kallsyms)]
        found.sort()
        self._addresses = [address for address, _ in found]
        self._names = [name for _, name in found]

    def __len__(self) -> int:
        return len(self._addresses)

    def address_of(self, name: str) -> int:
        """Lowest address of a function of this name, 0 when unknown.  O(n)."""
        try:
            return self._addresses[self._names.index(name.encode())]
        except ValueError:
            return 0

    def frame(self, address: int) -> str:
        """``symbol+0xoff``, or the bare address when no function is near below it.  O(log n)."""
        # A return address lies behind the call: that may be the first byte of the next function.
        place = bisect_right(self._addresses, address - 1) - 1
        if place < 0 or address - self._addresses[place] > _FARTHEST:
            return f"{address:#x}"
        name = self._names[place].decode("ascii", "replace")
        return f"{name}+{address - self._addresses[place]:#x}"


def running_symbols(path: str = "/proc/kallsyms") -> SymbolTable | None:
    """Symbols of the running kernel; None when it hides its addresses from us."""
    try:
        table = SymbolTable(Path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return table if table.address_of("_text") or table.address_of("_stext") else None

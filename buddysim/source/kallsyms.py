"""Kernel addresses to ``symbol+0xoff``, from the text of /proc/kallsyms.

The text has a hundred thousand lines and more, and a recording names a few hundred functions: so
it is searched as it stands.  The kernel's own symbols come first and in order of address; those
of modules, each with ``[MODULE]`` behind it, follow in any order.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

__all__ = ["SymbolTable", "kept_symbols", "running_symbols", "symbols_of"]

_LINE = re.compile(rb"^([0-9a-f]{1,16}) [tTwW] ([^\s]+)", re.MULTILINE)
_ANY_LINE = re.compile(rb"([0-9a-f]{1,16}) \S ")
_RUNNING = Path("/proc/kallsyms")
_KEPT = "~/.debug/[kernel.kallsyms]"
_FARTHEST = 1 << 20
"""A symbol farther below an address than this is not its function."""
_BLOCK_BYTES = 1 << 11

_Symbol = tuple[int, bytes]
_NOTHING: _Symbol = (-1, b"")


class SymbolTable:
    """The functions of one kernel."""

    def __init__(self, kallsyms: bytes, modules: Callable[[], bytes] | None = None) -> None:
        """``kallsyms``: lines ``ADDRESS TYPE NAME [MODULE]``; others are passed over.

        ``modules``: such a text to take the functions of modules from instead.
        """
        self._text = kallsyms
        self._modules = modules
        end = _modules_at(kallsyms)
        self._starts = _line_starts(kallsyms, end)
        self._firsts = _addresses(kallsyms, self._starts)
        """Address of the first line of each block; none when they are not in order."""
        if not self._firsts:
            self._starts, end = [0], 0
        self._starts.append(end)
        self._blocks: dict[int, list[_Symbol]] = {}
        self._others: list[_Symbol] | None = None
        self._frames: dict[int, str] = {}

    def address_of(self, name: str) -> int:
        """Lowest address of a function of this name, 0 when unknown.

        A function of the kernel itself comes before those of modules.  O(bytes up to there).
        """
        text, word = self._text, b" " + name.encode()
        found = []
        at = text.find(word)
        while at >= 0:
            line = _LINE.match(text, text.rfind(b"\n", 0, at) + 1)
            if line is not None and line[2] == word[1:]:
                found.append(int(line[1], 16))
                if at < self._starts[-1]:
                    break
            at = text.find(word, at + len(word))
        return min(found, default=0)

    def frame(self, address: int) -> str:
        """``symbol+0xoff``, or the bare address when no function is near below it."""
        frame = self._frames.get(address)
        if frame is None:
            frame = self._frames[address] = self._named(address)
        return frame

    def _named(self, address: int) -> str:
        # A return address lies behind the call: that may be the first byte of the next function.
        start, name = self._below(address - 1)
        if start < 0 or address - start > _FARTHEST:
            return f"{address:#x}"
        return f"{name.decode('ascii', 'replace')}+{address - start:#x}"

    def _below(self, address: int) -> _Symbol:
        """The last function that begins at or before an address; of several the last by name."""
        number = bisect_right(self._firsts, address) - 1
        is_between = number + 1 < len(self._firsts)
        found = _NOTHING
        nearest = address - _FARTHEST
        while number >= 0:
            found = max(found, _last(self._block(number), address))
            first = self._firsts[number]
            if first < found[0] or first < nearest:
                break
            number -= 1
        if is_between and found >= (nearest, b""):
            return found
        return max(found, _last(self._unordered(), address))

    def _block(self, number: int) -> list[_Symbol]:
        """The functions of one block of lines, in order."""
        block = self._blocks.get(number)
        if block is None:
            start, end = self._starts[number : number + 2]
            block = self._blocks[number] = _symbols(self._text, start, end)
        return block

    def _unordered(self) -> list[_Symbol]:
        """The functions that are not in blocks, put in order."""
        if self._others is None:
            text, start = self._text, self._starts[-1]
            if self._modules is not None and start:
                text = self._modules()
                start = _modules_at(text)
            self._others = _symbols(text, start, len(text))
        return self._others


def _modules_at(text: bytes) -> int:
    """Offset of the first line that names a module, or the end."""
    name = text.find(b"[")
    while name > 0 and text[name - 1 : name] != b"\t":
        name = text.find(b"[", name + 1)
    return len(text) if name < 0 else text.rfind(b"\n", 0, name) + 1


def _line_starts(text: bytes, end: int) -> list[int]:
    """Where the first line of each block starts; nothing when lines are too long to be lines."""
    starts = [0] if end else []
    for offset in range(_BLOCK_BYTES, end, _BLOCK_BYTES):
        start = text.rfind(b"\n", offset - _BLOCK_BYTES, offset) + 1
        if not start:
            return []
        starts.append(start)
    return starts


def _addresses(text: bytes, starts: list[int]) -> list[int]:
    """The addresses of lines; nothing when they are not in order or one is damaged."""
    addresses = []
    for start in starts:
        line = _ANY_LINE.match(text, start)
        if line is None:
            return []
        addresses.append(int(line[1], 16))
    return addresses if all(one <= two for one, two in pairwise(addresses)) else []


def _symbols(text: bytes, start: int, end: int) -> list[_Symbol]:
    """The functions in a part of the text, in order of address and name."""
    lines = _LINE.findall(text[start:end])
    return sorted((int(address, 16), name) for address, name in lines)


def _last(symbols: list[_Symbol], address: int) -> _Symbol:
    place = bisect_right(symbols, address, key=lambda symbol: symbol[0])
    return symbols[place - 1] if place else _NOTHING


def symbols_of(kallsyms: bytes) -> SymbolTable | None:
    """A kernel's symbols; None when it hid its addresses from whoever read them."""
    table = SymbolTable(kallsyms)
    return table if table.address_of("_text") or table.address_of("_stext") else None


def running_symbols() -> SymbolTable | None:
    """Symbols of the running kernel; None when it hides its addresses from us."""
    return symbols_of(_running_text())


def kept_symbols(build_id: str) -> SymbolTable | None:
    """Symbols of the running kernel from the copy that perf keeps when it records.

    None when it has none of this ``build_id``.  Reading the copy is many times faster than to let
    the kernel print its symbols again; only where its modules are now must be asked for.
    """
    try:
        text = Path(_KEPT, build_id, "kallsyms").expanduser().read_bytes()
    except (OSError, RuntimeError):
        return None
    return SymbolTable(text, _running_text)


def _running_text() -> bytes:
    try:
        return _RUNNING.read_bytes()
    except OSError:
        return b""

"""The tables of names that the columns of a trace index, and who counts as a row's caller."""

from __future__ import annotations

import re

from buddysim.kernel.allocator_function import is_allocator_function
from buddysim.source.event import CallerBy, Tables
from buddysim.source.frames import symbol_of

__all__ = ["CallerNames"]

_ADDRESS = re.compile(r"[0-9a-f]{8,16}")


class CallerNames:
    """Who counts as the caller of a row: the function, the command or the whole chain."""

    def __init__(self, tables: Tables, caller_by: CallerBy) -> None:
        self._tables = tables
        self._caller_by = caller_by
        self._callers = {name: index for index, name in enumerate(tables.callers)}
        self._tasks = {name: index for index, name in enumerate(tables.tasks)}
        self._stacks = {frames: index for index, frames in enumerate(tables.stacks)}
        self._names = {name: index for index, name in enumerate(tables.names)}

    def caller(self, name: str) -> int:
        """Index of a caller, new or known."""
        return _intern(self._callers, self._tables.callers, name)

    def task(self, comm: str, pid: int) -> int:
        """Index of a task, ``comm-pid``."""
        return _intern(self._tasks, self._tables.tasks, f"{comm}-{pid}")

    def name(self, name: str) -> int:
        """Index in ``Tables.names``."""
        return _intern(self._names, self._tables.names, name)

    def stack(self, frames: tuple[str, ...]) -> int:
        """Index of a call chain, innermost frame first."""
        index = self._stacks.get(frames)
        if index is None:
            index = len(self._tables.stacks)
            self._stacks[frames] = index
            self._tables.stacks.append(frames)
        return index

    def of_frames(self, frames: tuple[str, ...]) -> int:
        """Caller that a chain names; 0 when it names none or callers go by command."""
        if self._caller_by == "comm":
            return 0
        symbols = [symbol_of(frame) for frame in frames]
        outside = 0
        while outside < len(symbols) and is_allocator_function(symbols[outside]):
            outside += 1
        if outside == len(symbols):
            return 0
        if self._caller_by == "stack":
            return self.caller(" < ".join(symbols[outside:]))
        return self.caller(symbols[outside])

    def of_site(self, site: str) -> int:
        """Caller that a slab event's ``call_site`` names; 0 when it is only an address."""
        symbol = symbol_of(site)
        if self._caller_by == "comm" or (not symbol[:1].isalpha() and symbol[:1] != "_"):
            return 0
        if _ADDRESS.fullmatch(symbol):
            return 0
        return self.caller(symbol)


def _intern(index: dict[str, int], table: list[str], name: str) -> int:
    number = index.get(name)
    if number is None:
        number = index[name] = len(table)
        table.append(name)
    return number

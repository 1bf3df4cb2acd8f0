"""/proc/buddyinfo, /proc/pagetypeinfo and /proc/zoneinfo as data (fact sheet 12.2 to 12.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from buddysim.errors import ConfigError, TraceError
from buddysim.kernel.migratetype import from_name
from buddysim.source.zoneinfo import PageSet, ZoneInfo, parse_zoneinfo

__all__ = [
    "BuddyInfo",
    "FreeRow",
    "PageSet",
    "PageTypeInfo",
    "ZoneInfo",
    "parse_buddyinfo",
    "parse_pagetypeinfo",
    "parse_zoneinfo",
]

_BUDDY_ROW = re.compile(r"Node (\d+), zone +(\S+)((?: +\d+)+)")
_FREE_ROW = re.compile(r"Node +(\d+), zone +(\S+), type +(\S+)((?: +>?\d+)+)")
_BLOCKS_HEAD = re.compile(r"Number of (mixed )?blocks(?: type)?((?: +[A-Za-z]+)+)")
_ORDER = re.compile(r"Page block order: (\d+)")
_PER_BLOCK = re.compile(r"Pages per block: +(\d+)")
_FREE_HEAD = "Free pages count per migrate type at order"


@dataclass(frozen=True)
class BuddyInfo:
    """Free blocks of one zone by order, over all migratetypes."""

    node: int
    zone: str
    nr_free: tuple[int, ...]


@dataclass(frozen=True)
class FreeRow:
    """Free blocks (not pages, whatever the file's heading says) of one type in one zone."""

    node: int
    zone: str
    migratetype: int
    """Canonical number."""
    nr_free: tuple[int, ...]
    capped: bool = False
    """Some count was printed as ``>100000``; it is recorded as 100000."""


@dataclass
class PageTypeInfo:
    """The whole file; several nodes are merged."""

    pageblock_order: int
    rows: list[FreeRow] = field(default_factory=list)
    blocks: dict[tuple[int, str], dict[int, int]] = field(default_factory=dict)
    """(node, zone) -> canonical migratetype -> pageblocks."""
    mixed_blocks: dict[tuple[int, str], dict[int, int]] = field(default_factory=dict)
    """The same for blocks holding pages of another type; only kernels with page_owner."""


def parse_buddyinfo(text: str, path: str = "") -> list[BuddyInfo]:
    """Rows in the order printed.  Raises TraceError with the line of anything else."""
    rows: list[BuddyInfo] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _BUDDY_ROW.fullmatch(line.rstrip())
        if match is None:
            raise _bad("buddyinfo", line, path, number, "'Node N, zone NAME' and counts")
        counts = tuple(int(word) for word in match[3].split())
        if rows and len(counts) != len(rows[0].nr_free):
            raise _bad("buddyinfo", line, path, number, f"{len(rows[0].nr_free)} counts")
        rows.append(BuddyInfo(int(match[1]), match[2], counts))
    if not rows:
        raise TraceError("no zone", path=path, line=1, expected="/proc/buddyinfo")
    return rows


def parse_pagetypeinfo(text: str, path: str = "") -> PageTypeInfo:
    """The file with types in canonical numbers, whichever era named them.

    Raises TraceError with the line of anything else, and when the counts of free blocks or of
    pageblocks are missing.
    """
    reader = _PageTypeReader(path)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            reader.line(number, line.rstrip())
    info = reader.info
    if not info.rows or not info.blocks:
        raise TraceError("no counts", path=path, line=1, expected="a whole /proc/pagetypeinfo")
    return info


class _PageTypeReader:
    """State of one pass over /proc/pagetypeinfo."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.info = PageTypeInfo(pageblock_order=0)
        self.types: list[int] = []
        self.table = self.info.blocks

    def line(self, number: int, text: str) -> None:
        """Take one line in.  Raises TraceError."""
        try:
            understood = self._line(text)
        except ConfigError as error:
            raise TraceError(
                error.found, path=self.path, line=number, expected=error.expected
            ) from None
        if not understood:
            raise _bad("pagetypeinfo", text, self.path, number, "a row of counts")

    def _line(self, text: str) -> bool:
        if match := _ORDER.fullmatch(text):
            self.info.pageblock_order = int(match[1])
        elif match := _PER_BLOCK.fullmatch(text):
            return int(match[1]) == 1 << self.info.pageblock_order
        elif match := _FREE_ROW.fullmatch(text):
            self._free_row(match)
        elif match := _BLOCKS_HEAD.fullmatch(text):
            self.types = [from_name(word) for word in match[2].split()]
            self.table = self.info.mixed_blocks if match[1] else self.info.blocks
        elif match := _BUDDY_ROW.fullmatch(text):
            return self._block_row(match)
        else:
            return text.startswith(_FREE_HEAD)
        return True

    def _free_row(self, match: re.Match[str]) -> None:
        words = match[4].split()
        self.info.rows.append(
            FreeRow(
                node=int(match[1]),
                zone=match[2],
                migratetype=from_name(match[3]),
                nr_free=tuple(int(word.lstrip(">")) for word in words),
                capped=any(word.startswith(">") for word in words),
            )
        )

    def _block_row(self, match: re.Match[str]) -> bool:
        counts = [int(word) for word in match[3].split()]
        if len(counts) != len(self.types):
            return False
        self.table[int(match[1]), match[2]] = dict(zip(self.types, counts, strict=True))
        return True


def _bad(what: str, text: str, path: str, line: int, expected: str) -> TraceError:
    return TraceError(f"{text.strip()[:60]!r} in {what}", path=path, line=line, expected=expected)

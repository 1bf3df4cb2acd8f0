"""Compare the fragmentation files of a kernel with what the formulas make of its free counts.

From the one table that cannot be derived, free blocks by zone, type and order
(/proc/pagetypeinfo), everything else follows digit for digit: its own lines, /proc/buddyinfo, and
both index files of /sys/kernel/debug/extfrag (fact sheet 9, 12.2, 12.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.mm.fragmentation import extfrag_line, unusable_line
from buddysim.replay.verify_case import CaseResult, Differences

__all__ = ["check_extfrag"]

_ZoneKey = tuple[int, str]
_Numbered = tuple[int, str]

_HEADING = re.compile(r"#{2,}\s+(.*)|==\s+(.*)")
_FREE_ROW = re.compile(r"Node\s+(\d+), zone\s+(\S+), type\s+(\S+)\s+(.*)")
_ZONE_ROW = re.compile(r"Node\s+(\d+), zone\s+(\S+)\s+(.*)")
_BLOCK_ORDER = re.compile(r"Page block order: (\d+)")
_PRINTED_MAX = 100_000
"""Longer free lists are not counted to their end in pagetypeinfo."""


@dataclass
class _Reading:
    """The files as read together once; sections by their short name."""

    title: str
    sections: dict[str, list[_Numbered]] = field(default_factory=dict)

    @property
    def stable(self) -> bool:
        """Both looks at buddyinfo, where there are two, agree."""
        looks = [
            [text for _, text in lines]
            for name, lines in self.sections.items()
            if "buddyinfo" in name
        ]
        return bool(looks) and all(look == looks[0] for look in looks)

    def lines(self, word: str) -> list[_Numbered]:
        """The first section whose name contains ``word``."""
        return next((lines for name, lines in self.sections.items() if word in name), [])


@dataclass
class _Table:
    """pagetypeinfo as numbers."""

    pageblock_order: int = 0
    free: dict[_ZoneKey, dict[str, list[int | None]]] = field(default_factory=dict)
    """Free blocks by order for each type; None = printed only as "more than 100000"."""
    blocks: dict[_ZoneKey, list[int]] = field(default_factory=dict)


def check_extfrag(path: Path) -> CaseResult:
    """Compare every line of a recorded set of files.  Raises TraceError.

    A reading during which the kernel changed its lists (two looks at buddyinfo differ) is left
    out and noted.
    """
    differences = Differences()
    lines = skipped = 0
    for reading in _readings(path):
        if not reading.stable:
            skipped += 1
            continue
        lines += _compare(reading, differences)
    if not lines and not skipped:
        raise TraceError(
            "no fragmentation files", path=str(path), expected="sections with buddyinfo"
        )
    return CaseResult(
        case=path.name.removesuffix(".txt"),
        set=path.parent.name,
        ops=lines,
        outcome_exact=differences.count == 0,
        first_divergence=differences.first,
        notes=(f"{skipped} readings changed while they were taken: not compared",)
        if skipped
        else (),
    )


def _readings(path: Path) -> Iterator[_Reading]:
    """Readings in order: ``####`` opens a new one, any other heading a section of it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"cannot read: {error}", path=str(path)) from None
    reading = _Reading("")
    section: list[_Numbered] = []
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.fullmatch(line.rstrip())
        if heading is None:
            if line.strip():
                section.append((number, line))
            continue
        section = []
        if line.startswith("####"):
            if reading.sections:
                yield reading
            reading = _Reading(heading[1])
        else:
            reading.sections[heading[1] or heading[2]] = section
    if reading.lines("buddyinfo"):
        yield reading


def _compare(reading: _Reading, differences: Differences) -> int:
    """Number of lines compared."""
    table = _parse_table(reading.lines("pagetypeinfo"))
    buddyinfo = _zone_counts(reading.lines("buddyinfo"))
    compared = 0
    for name, expected in (
        ("buddyinfo", _buddyinfo(table, buddyinfo)),
        ("unusable_index", [unusable_line(*key, counts) for key, counts in buddyinfo.items()]),
        ("extfrag_index", [extfrag_line(*key, counts) for key, counts in buddyinfo.items()]),
        ("pagetypeinfo", list(_pagetypeinfo(table))),
    ):
        recorded = reading.lines(name)
        differences.compare(0, f"{name} lines", len(recorded), len(expected))
        for (number, text), predicted in zip(recorded, expected, strict=False):
            differences.compare(number, name, text, predicted)
            compared += 1
    return compared


def _parse_table(lines: Sequence[_Numbered]) -> _Table:
    table = _Table()
    for _, line in lines:
        if order := _BLOCK_ORDER.match(line):
            table.pageblock_order = int(order[1])
        elif row := _FREE_ROW.match(line):
            counts = [None if word[0] == ">" else int(word) for word in row[4].split()]
            table.free.setdefault((int(row[1]), row[2]), {})[row[3]] = counts
        elif row := _ZONE_ROW.match(line):
            table.blocks[int(row[1]), row[2]] = [int(word) for word in row[3].split()]
    return table


def _zone_counts(lines: Sequence[_Numbered]) -> dict[_ZoneKey, list[int]]:
    rows = (_ZONE_ROW.match(line) for _, line in lines)
    return {(int(row[1]), row[2]): [int(word) for word in row[3].split()] for row in rows if row}


def _buddyinfo(table: _Table, printed: Mapping[_ZoneKey, Sequence[int]]) -> list[str]:
    """/proc/buddyinfo as the sum over types; a count that pagetypeinfo cut short is taken over."""
    lines = []
    for (node, zone), rows in table.free.items():
        counts = []
        for order, column in enumerate(zip(*rows.values(), strict=True)):
            known = [count for count in column if count is not None]
            cut = len(known) < len(column)
            counts.append(printed[node, zone][order] if cut else sum(known))
        lines.append(f"Node {node}, zone {zone:>8s} " + "".join(f"{count:6d} " for count in counts))
    return lines


def _pagetypeinfo(table: _Table) -> Iterator[str]:
    """The lines of /proc/pagetypeinfo, blank ones left out."""
    orders = range(len(next(iter(next(iter(table.free.values())).values()), ())))
    yield f"Page block order: {table.pageblock_order}"
    yield f"Pages per block:  {1 << table.pageblock_order}"
    heading = "Free pages count per migrate type at order"
    yield f"{heading:43s} " + "".join(f"{order:6d} " for order in orders)
    for (node, zone), rows in table.free.items():
        for name, counts in rows.items():
            texts = (f">{_PRINTED_MAX}" if n is None else f"{n:6d}" for n in counts)
            row = f"Node {node:4d}, zone {zone:>8s}, type {name:>12s} "
            yield row + "".join(f"{text} " for text in texts)
    names = next(iter(table.free.values()))
    yield f"{'Number of blocks type':23s}" + "".join(f"{name:>12s} " for name in names)
    for (node, zone), blocks in table.blocks.items():
        yield f"Node {node}, zone {zone:>8s} " + "".join(f"{count:12d} " for count in blocks)

"""Three lines of a failure report, read as one would by hand.

This is the shortest reading that decides most reports; the point is how little is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HandReading", "read_by_hand"]

_ORDER = re.compile(r"page allocation failure[.:] order:(\d+)")
_ZONE = re.compile(r"^Node \d+ (\w+) free:(\d+)kB .*?\bmin:(\d+)kB")
_BLOCKS = re.compile(r"^Node \d+ (\w+): (?=\d+\*4kB)")
_COUNT = re.compile(r"(\d+)\*(\d+)kB")


@dataclass(frozen=True)
class HandReading:
    """What the three lines say, in KiB and blocks; the zone is the last, highest one printed."""

    order: int
    free_kb: int
    min_kb: int
    blocks_big_enough: int

    @property
    def cause(self) -> str:
        """``below-watermark``, ``fragmented``, or ``other`` when neither line decides."""
        if self.free_kb < self.min_kb:
            return "below-watermark"
        return "other" if self.blocks_big_enough else "fragmented"


def read_by_hand(lines: list[str]) -> HandReading | None:
    """Read one report; None when one of the three lines is missing.  O(lines)."""
    order = free_kb = min_kb = blocks = -1
    for line in lines:
        if first := _ORDER.search(line):
            order = int(first[1])
        elif zone := _ZONE.match(line):
            free_kb, min_kb = int(zone[2]), int(zone[3])
        elif _BLOCKS.match(line) and order >= 0:
            blocks = _big_enough(line, order)
    if min(order, free_kb, blocks) < 0:
        return None
    return HandReading(order, free_kb, min_kb, blocks)


def _big_enough(line: str, order: int) -> int:
    least_kb = 4 << order
    return sum(int(count) for count, size_kb in _COUNT.findall(line) if int(size_kb) >= least_kb)

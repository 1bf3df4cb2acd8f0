"""/proc/zoneinfo of any era (fact sheet 12.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from buddysim.errors import TraceError

__all__ = ["PageSet", "ZoneInfo", "parse_zoneinfo"]

_ZONE = re.compile(r"Node (\d+), zone +(\S+) *")
_NUMBER = re.compile(r" +([A-Za-z_]\w*):? +(-?\d+)")
_PROTECTION = re.compile(r" +protection: \((\d+(?:, ?\d+)*)\)")
_CPU = re.compile(r" +cpu: (\d+)(?: pcp: \d+)?")
_THRESHOLD = re.compile(r" +vm stats threshold: (\d+)")
_SCANNED = re.compile(r" +scanned +\d+ \(a: \d+ i: \d+\)")
_MARKS = ("boost", "min", "low", "high", "promo", "spanned", "present", "managed", "cma")
_NEEDED = ("free", "min", "low", "high", "spanned", "present")
_PAGESET_KEYS = ("count", "high", "batch", "high_min", "high_max")


@dataclass
class PageSet:
    """One cpu's page lists in a zone; pages.  ``high_min``/``high_max`` are 0 before 6.13."""

    cpu: int
    count: int = 0
    high: int = 0
    batch: int = 0
    high_min: int = 0
    high_max: int = 0
    stat_threshold: int = 0


@dataclass
class ZoneInfo:
    """One zone; all counts in pages.

    ``min``, ``low``, ``high`` and ``promo`` are as printed, which includes ``boost``.  Counts that
    an era does not print are 0, except ``managed``, which then equals ``present``.
    """

    node: int
    name: str
    free: int = 0
    boost: int = 0
    min: int = 0
    low: int = 0
    high: int = 0
    promo: int = 0
    spanned: int = 0
    present: int = 0
    managed: int = 0
    cma: int = 0
    protection: tuple[int, ...] = ()
    """lowmem_reserve against each class of request."""
    start_pfn: int = 0
    pagesets: list[PageSet] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    """Every other number of the zone by its printed name, ``nr_free_pages`` and the like."""
    node_counters: dict[str, int] = field(default_factory=dict)
    """The node's own statistics, printed with its first zone (4.8+)."""


class _Reader:
    """State of one pass over the lines."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.zones: list[ZoneInfo] = []
        self.started = 0
        """Line of the current zone's heading."""
        self.seen: set[str] = set()
        self.in_node_stats = False

    def line(self, number: int, text: str) -> None:
        """Take one line in.  Raises TraceError."""
        if match := _ZONE.fullmatch(text):
            self.close()
            self.zones.append(ZoneInfo(int(match[1]), match[2]))
            self.started, self.seen, self.in_node_stats = number, set(), False
        elif not self.zones:
            raise self.bad(number, text, "'Node N, zone NAME'")
        elif text == "  per-node stats":
            self.in_node_stats = True
        elif text != "  pagesets" and not _SCANNED.fullmatch(text) and not self.field(text):
            raise self.bad(number, text, "a name and a number")

    def field(self, text: str) -> bool:
        """One indented line of the current zone; False when it has no known form."""
        zone = self.zones[-1]
        if text.startswith("  pages free "):
            self.in_node_stats = False
            text = text.replace("pages free", "free", 1)
        if match := _PROTECTION.fullmatch(text):
            zone.protection = tuple(int(word) for word in match[1].split(","))
        elif match := _CPU.fullmatch(text):
            zone.pagesets.append(PageSet(int(match[1])))
        elif (match := _THRESHOLD.fullmatch(text)) and zone.pagesets:
            zone.pagesets[-1].stat_threshold = int(match[1])
        elif match := _NUMBER.fullmatch(text):
            self.number(zone, match[1], int(match[2]))
        else:
            return False
        return True

    def number(self, zone: ZoneInfo, name: str, value: int) -> None:
        """File a number under what the section makes it: mark, per-cpu size or counter."""
        if self.in_node_stats:
            zone.node_counters[name] = value
        elif zone.pagesets and name in _PAGESET_KEYS:
            setattr(zone.pagesets[-1], name, value)
        elif name in _MARKS or name in {"free", "start_pfn"}:
            setattr(zone, name, value)
            self.seen.add(name)
        else:
            zone.counters[name] = value

    def close(self) -> None:
        """End the current zone.  Raises TraceError when it was cut short."""
        if not self.zones:
            return
        zone = self.zones[-1]
        missing = [name for name in _NEEDED if name not in self.seen]
        if missing:
            raise TraceError(
                f"zone {zone.name} of node {zone.node} without {', '.join(missing)}",
                path=self.path,
                line=self.started,
                expected="a whole /proc/zoneinfo",
            )
        if "managed" not in self.seen:
            zone.managed = zone.present

    def bad(self, number: int, text: str, expected: str) -> TraceError:
        """The error for a line that does not belong here."""
        return TraceError(
            f"{text.strip()[:60]!r} in zoneinfo", path=self.path, line=number, expected=expected
        )


def parse_zoneinfo(text: str, path: str = "") -> list[ZoneInfo]:
    """Zones in the order printed, empty ones included.

    Raises TraceError that names the line of anything that is no zoneinfo, or of a zone cut short.
    """
    reader = _Reader(path)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            reader.line(number, line.rstrip())
    reader.close()
    if not reader.zones:
        raise TraceError("no zone", path=path, line=1, expected="/proc/zoneinfo")
    return reader.zones

"""Compare the memory dump of a kernel's failure report with ours.

Numbers that no model has (LRU, page cache, slab) are taken over from the log, so what remains to
be compared is every other number and the text around all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from buddysim.kernel.constants import ZONE_NAMES
from buddysim.kernel.gfp import decode_mask
from buddysim.kernel.migratetype import LETTERS
from buddysim.kernel.profile import Profile
from buddysim.kernel.zone import highest_zone
from buddysim.replay.verify_case import Differences
from buddysim.replay.verify_ops import Operation
from buddysim.warn.failure_report import memory_dump
from buddysim.warn.report_input import NodeInput, ReportInput, ReportOptions, ZoneInput

__all__ = [
    "KnownZone",
    "compare_dump",
    "is_dump_line",
    "known_zones",
    "managed_pages",
    "options_of",
]

_KB_PER_PAGE = 4
_FIELD = re.compile(r"([\w()]+): ?(\d+)")
_NODE_LINE = re.compile(r"Node (\d+) active_anon:")
_ZONE_LINE = re.compile(r"(?:Node (\d+) )?(\S+) free:\d+kB")
_LIST_LINE = re.compile(r"(?:Node (\d+) )?(\S+): (\d+\*\d+kB.*) = \d+kB")
_LIST_WORD = re.compile(r"(\d+)\*\d+kB(?: \((\w+)\))?")
_DUMP_LINE = re.compile(
    r"Mem-Info:$|lowmem_reserve\[\]:|(Free|Total) swap  ?=|\d+ (total pagecache )?pages\b|"
    r"(Node \d+ )?\S+ free:\d|(Node \d+ )?\S+: \d+\*\d+kB|Node \d+ (active_anon|hugepages)|"
    r" ?[\w()]+:\d+( [\w()]+:\d+)*$"
)
_TOTALS = {
    "total pagecache pages": "pagecache",
    "pages in swap cache": "swap_cached",
    "pages RAM": "present",
    "pages HighMem/MovableOnly": "highmem",
    "pages reserved": "reserved",
    "pages cma reserved": "cma_reserved",
}


@dataclass(frozen=True)
class KnownZone:
    """A zone as a snapshot has it; marks without boost, pages throughout."""

    name: str
    node: int
    zone_index: int
    free: int
    boost: int
    marks: tuple[int, int, int]
    highatomic: int
    present: int
    managed: int
    cma_pages: int
    free_cma: int
    pcp: tuple[int, ...]
    lowmem_reserve: tuple[int, ...]
    blocks: tuple[dict[int, int], ...]
    """Free blocks by order and type; types are not known (key -1) in the text format."""


def known_zones(snapshot: Operation) -> tuple[KnownZone, ...]:
    """The zones of a recorded snapshot of either format."""
    if "state" in snapshot:
        state = snapshot["state"].zones[0]
        counts = snapshot["state"].nr_free[0]
        return (
            KnownZone(
                state.name,
                state.node,
                state.zone_index,
                state.free,
                state.boost,
                (state.mark_min, state.mark_low, state.mark_high),
                state.nr_reserved_highatomic,
                state.present,
                state.managed,
                state.cma_pages,
                state.free_cma,
                tuple(pcp.count for pcp in state.pcp),
                state.lowmem_reserve,
                tuple({-1: blocks} if blocks else {} for blocks in counts),
            ),
        )
    return tuple(_json_zone(zone) for zone in snapshot["zones"])


def _json_zone(zone: Operation) -> KnownZone:
    blocks: tuple[dict[int, int], ...] = tuple({} for _ in range(11))
    for order, migratetype, count in zone.get("free_counts", ()):
        blocks[order][migratetype] = count
    for order, migratetype, pfns in zone.get("free_lists", ()):
        blocks[order][migratetype] = len(pfns)
    return KnownZone(
        zone["zone"],
        zone["node"],
        zone["zidx"],
        zone["nr_free_pages"],
        zone["watermark_boost"],
        (zone["wmark_min"], zone["wmark_low"], zone["wmark_high"]),
        zone["nr_reserved_highatomic"],
        zone["present"],
        zone["managed"],
        zone["cma_pages"],
        zone["nr_free_cma"],
        tuple(pcp["count"] for pcp in zone["pcp"]),
        tuple(zone["lowmem_reserve"]),
        blocks,
    )


def is_dump_line(text: str) -> bool:
    """Whether a line of a log belongs to a memory dump and not to somebody who got in between."""
    return _DUMP_LINE.match(text) is not None


def options_of(log: Sequence[str]) -> ReportOptions:
    """How the kernel that wrote a log was built, as far as its report shows it."""
    return ReportOptions(
        numa=any(_ZONE_LINE.match(text) and text.startswith("Node ") for text in log),
        thp=any("shmem_thp:" in text for text in log),
        cma=any(text.endswith("pages cma reserved") for text in log),
        hugepages=any("hugepages_total=" in text for text in log),
        cpusets=any("cpuset=" in text for text in log),
    )


def managed_pages(log: Sequence[str]) -> int:
    """Pages of RAM less the reserved ones of the last dump in a log; 0 when it has none."""
    totals = _totals(log)
    return totals.get("present", 0) - totals.get("reserved", 0)


def compare_dump(
    lines: Sequence[tuple[int, str]],
    gfp: int,
    zones: Sequence[KnownZone],
    profile: Profile,
    differences: Differences,
    *,
    current: bool,
) -> None:
    """Compare one dump, from ``Mem-Info:`` to its end, line by line.

    ``gfp``: the era's own number.  ``zones``: the last snapshot; ``current`` when nothing but the
    recorded operations has happened between it and the report, so that its free counts hold too.
    """
    texts = [text for _, text in lines]
    mask = decode_mask(gfp, profile.gfp_era)
    view = _as_logged(texts, mask)
    if zones:
        view = replace(view, zones=_zones_in_view(view, zones, current=current))
        view = replace(view, counters=_counters(view, zones), totals=_known_totals(view, zones))
    expected = memory_dump(view, profile)
    differences.compare(
        lines[0][0] if lines else 0, "lines of the memory dump", len(texts), len(expected)
    )
    for (number, text), predicted in zip(lines, expected, strict=False):
        differences.compare(number, "memory dump", text, predicted)


def _as_logged(texts: Sequence[str], gfp: int) -> ReportInput:
    """A report input with every number of the log, whatever its worth."""
    counters: dict[str, int] = {}
    nodes = []
    zones: list[ZoneInput] = []
    for text in texts:
        if node := _NODE_LINE.match(text):
            unreclaimable = text.endswith("all_unreclaimable? yes")
            nodes.append(NodeInput(int(node[1]), _fields(text), unreclaimable))
        elif zone := _ZONE_LINE.match(text):
            number = int(zone[1] or 0)
            index = ZONE_NAMES.index(zone[2])
            zones.append(ZoneInput(zone[2], number, index, _fields(text), (), ()))
        elif text.startswith("lowmem_reserve[]:") and zones:
            reserve = tuple(map(int, text.split()[1:]))
            zones[-1] = replace(zones[-1], lowmem_reserve=reserve)
        elif row := _LIST_LINE.match(text):
            blocks = tuple(_typed_blocks(*word) for word in _LIST_WORD.findall(row[3]))
            zones = [
                replace(each, free_blocks=blocks)
                if (each.node, each.name) == (int(row[1] or 0), row[2])
                else each
                for each in zones
            ]
        elif not nodes:
            counters.update(_fields(text, in_kb=False))
    return ReportInput(
        order=0,
        gfp=gfp,
        comm="",
        highest_zone=highest_zone(gfp),
        counters=counters,
        nodes=nodes,
        zones=zones,
        totals=_totals(texts),
        options=options_of(texts),
    )


def _fields(text: str, *, in_kb: bool = True) -> dict[str, int]:
    """Values by label in pages; ``kernel_stack`` stays in KiB."""
    found = ((label, int(number)) for label, number in _FIELD.findall(text))
    return {
        label: value // _KB_PER_PAGE if in_kb and label != "kernel_stack" else value
        for label, value in found
    }


def _typed_blocks(count: str, letters: str) -> dict[int, int]:
    """Blocks by type; how the count divides among several types does not show in the log."""
    types = [LETTERS.index(letter) for letter in letters]
    if not types:
        return {0: int(count)} if int(count) else {}
    first = int(count) - len(types) + 1
    return {types[0]: first, **dict.fromkeys(types[1:], 1)}


def _totals(texts: Sequence[str]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for text in texts:
        number, _, words = text.partition(" ")
        if words in _TOTALS and number.isdecimal():
            totals[_TOTALS[words]] = int(number)
        elif text.startswith(("Free swap", "Total swap")):
            key = "swap_free_kb" if text.startswith("Free") else "swap_total_kb"
            totals[key] = int(text.split("=")[1].strip().removesuffix("kB"))
    return totals


def _zones_in_view(
    view: ReportInput, zones: Sequence[KnownZone], *, current: bool
) -> list[ZoneInput]:
    """The machine's zones with what is known of them; the report decides which to show."""
    logged = {(zone.node, zone.name): zone for zone in view.zones}
    return [
        _merge(zone, logged.get((zone.node, zone.name)), current=current)
        for zone in sorted(zones, key=lambda each: (each.node, each.zone_index))
    ]


def _merge(zone: KnownZone, logged: ZoneInput | None, *, current: bool) -> ZoneInput:
    if logged is None:
        return ZoneInput(zone.name, zone.node, zone.zone_index, {}, (), ())
    counters = dict(logged.counters)
    if current:
        counters |= {
            "free": zone.free,
            "boost": zone.boost,
            "reserved_highatomic": zone.highatomic,
            "free_pcp": sum(zone.pcp),
            "free_cma": zone.free_cma,
        }
        if len(zone.pcp) == 1:
            counters["local_pcp"] = zone.pcp[0]
    for label, mark in zip(("min", "low", "high"), zone.marks, strict=True):
        counters[label] = mark + counters.get("boost", 0)
    counters["present"] = zone.present
    counters["managed"] = zone.managed
    return ZoneInput(
        zone.name,
        zone.node,
        zone.zone_index,
        counters,
        zone.lowmem_reserve[: len(logged.lowmem_reserve)],
        _merge_blocks(zone, logged) if current else logged.free_blocks,
    )


def _merge_blocks(zone: KnownZone, logged: ZoneInput) -> list[dict[int, int]]:
    """Recorded blocks; where their types were not recorded, the logged types with that count."""
    merged = []
    for known, seen in zip(zone.blocks, logged.free_blocks, strict=True):
        if -1 not in known:
            merged.append(known)
            continue
        first, *others = seen or {0: 0}
        merged.append({first: known[-1] - len(others), **dict.fromkeys(others, 1)})
    return merged


def _counters(view: ReportInput, zones: Sequence[KnownZone]) -> dict[str, int]:
    """Machine-wide counters that are sums over zones, unless some zone is not shown."""
    counters = dict(view.counters)
    if all(zone.counters for zone in view.zones) and len(view.zones) == len(zones):
        for label in ("free", "free_pcp", "free_cma"):
            counters[label] = sum(zone.counters[label] for zone in view.zones)
    return counters


def _known_totals(view: ReportInput, zones: Sequence[KnownZone]) -> dict[str, int]:
    present = sum(zone.present for zone in zones)
    managed = sum(zone.managed for zone in zones)
    cma = sum(zone.cma_pages for zone in zones)
    return {
        **view.totals,
        "present": present,
        "reserved": present - managed,
        "cma_reserved": cma,
    }

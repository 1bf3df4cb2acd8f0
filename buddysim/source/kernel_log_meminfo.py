"""The memory dump inside a report: zones, marks, reserves, free blocks, counters (10.1..10.3)."""

from __future__ import annotations

import re

from buddysim.source.kernel_log_model import FailureReport, ZoneReport

__all__ = ["continues_memory_line", "is_memory_line", "read_memory_line"]

_NODE = r"(?:Node (?P<node>\d+),? (?:zone )?)?"
_NAME = r"(?P<name>DMA32|DMA|Normal|HighMem|High|Movable|Device)"
_ZONE = re.compile(rf"{_NODE}{_NAME} free:(?P<free>\d+)kB")
_BLOCKS = re.compile(rf"{_NODE}{_NAME}:\s+(?=\d+\*\d+kB)")
_FIELD = re.compile(r"\b([a-z_]+(?:\([a-z]+\))?):\s?(\d+)[kK]B\b")
_COUNTER = re.compile(r"\b([a-z_]+(?:\([a-z]+\))?):(\d+)(?![\dkK*])")
_BLOCK = re.compile(r"(\d+)\*(\d+)kB(?: \(([A-Z]+)\))?")
_TOTAL = re.compile(r"=\s*(\d+)kB")
_RESERVE = re.compile(r"lowmem_reserve\[\]:((?:\s+\d+)*)\s*$")
_FREE_SWAP = re.compile(r"(Free|Total) swap\s*[=:]\s*(\d+)kB")
_RAM = re.compile(r"(\d+) pages (?:of )?RAM")
_START = re.compile(
    r"active_anon:\d+ |Active:\d+ |active:\d+ |Node \d+ (?:active_anon|hugepages)|lowmem_reserve"
)
_CONTINUES = re.compile(
    r"(?:[a-z_]+(?:\([a-z]+\))?:\s?\d+[kK]B|\d+\*\d+kB|\([UMECHIRS]+\)|\d+kB$|=\s*\d+kB|all_unreclaimable"
    r"|yes$|no$|mode:0x|gfp_mask=|nodemask=|order[:=]\d|oom_score_adj|oom_adj|failure[.:] order)"
)
_MAX_ORDERS = 20


def continues_memory_line(text: str) -> bool:
    """Is this the rest of a line that a mail program wrapped?"""
    return _CONTINUES.match(text) is not None


def is_memory_line(text: str) -> bool:
    """Zone, block, reserve or counter line of a dump."""
    return (
        _ZONE.match(text) is not None
        or _BLOCKS.match(text) is not None
        or _START.match(text) is not None
    )


def read_memory_line(report: FailureReport, text: str, number: int) -> bool:
    """Add what one line of a dump says to ``report``; False when it is none."""
    zone = _ZONE.match(text)
    if zone is not None:
        _read_zone(report, zone, text, number)
        return True
    blocks = _BLOCKS.match(text)
    if blocks is not None:
        _read_blocks(report, blocks, text, number)
        return True
    reserve = _RESERVE.match(text)
    if reserve is not None:
        if report.zones and report.zones[-1].lowmem_reserve is None:
            report.zones[-1].lowmem_reserve = [int(word) for word in reserve[1].split()]
        return True
    return _read_totals(report, text) or _read_counters(report, text, number)


def _zone_of(report: FailureReport, match: re.Match[str], number: int) -> ZoneReport:
    node = int(match["node"]) if match["node"] is not None else None
    for zone in report.zones:
        if zone.name == match["name"] and zone.node == node:
            return zone
    zone = ZoneReport(match["name"], node, number)
    report.zones.append(zone)
    return zone


def _read_zone(report: FailureReport, match: re.Match[str], text: str, number: int) -> None:
    zone = _zone_of(report, match, number)
    for name, value in _FIELD.findall(text):
        zone.numbers.setdefault(name, int(value))
    if "all_unreclaimable?" in text:
        zone.all_unreclaimable = text.rstrip().endswith("yes")


def _read_blocks(report: FailureReport, match: re.Match[str], text: str, number: int) -> None:
    zone = _zone_of(report, match, number)
    if zone.blocks is not None:
        return
    found = _BLOCK.findall(text, match.end())
    first = int(found[0][1])
    total = _TOTAL.search(text, match.end())
    counts: list[int] = []
    for count, size, letters in found[:_MAX_ORDERS]:
        if int(size) != first << len(counts):
            break
        counts.append(int(count))
        zone.letters.append(letters or None)
    zone.blocks, zone.blocks_line = counts, number
    zone.blocks_total_kb = int(total[1]) if total else None
    zone.blocks_cut = total is None or len(counts) != len(found)
    report.page_kb = report.page_kb or first or None


def _read_totals(report: FailureReport, text: str) -> bool:
    swap = _FREE_SWAP.match(text)
    if swap is not None:
        report.totals.setdefault(f"{swap[1].lower()}_swap_kb", int(swap[2]))
        return True
    ram = _RAM.match(text)
    if ram is not None:
        report.totals.setdefault("pages_ram", int(ram[1]))
    return ram is not None


def _read_counters(report: FailureReport, text: str, number: int) -> bool:
    if text.startswith(("Node ", "CPU", "cpu")) or "kB" in text:
        return False
    found = _COUNTER.findall(text)
    if len(found) < 1 or found[0][0] in {"order", "mode", "objs", "slabs"}:
        return False
    report.counters_line = report.counters_line or number
    for name, value in found:
        report.counters.setdefault(name, int(value))
    return True

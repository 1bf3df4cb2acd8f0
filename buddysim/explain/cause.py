"""Why it failed, as far as the report itself shows (failure-causes.md).

A report is printed after the failure: when its numbers would grant the request, the state has
moved on and the cause is named with low confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.explain.asked import Asked
from buddysim.explain.look import ZoneLook
from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["CAUSES", "Cause", "find_cause"]

CAUSES = (
    "below-watermark",
    "exhausted",
    "fragmented",
    "impossible-order",
    "injected",
    "other",
    "reserved",
    "unknown",
    "wrong-migratetype",
    "zone-restricted",
)
_HIGH_ORDER = 3
_NOTHING_LEFT = 20
"""Below one 20th of the mark, "below the watermark" is too mild a word."""


@dataclass(frozen=True)
class Cause:
    """One of :data:`CAUSES`, how sure (0..1), why, and the log lines it rests on."""

    name: str
    confidence: float
    reason: str
    lines: tuple[int, ...]


def find_cause(report: FailureReport, asked: Asked, looks: list[ZoneLook]) -> Cause:
    """The cause of one report by its own numbers."""
    plain = _without_numbers(report)
    if plain is not None:
        return plain
    allowed = [look for look in looks if look.eligible]
    if not looks or report.kind in {"headless", "meminfo_only", "slub", "slab", "alloc_2_4"}:
        return Cause("unknown", 1.0, _why_unknown(report), (report.line,))
    if not allowed:
        return _cause(
            "zone-restricted", 0.6, "no zone that the mask allows has memory", report, looks
        )
    restricted = _restricted(report, looks, allowed)
    if restricted is not None:
        return restricted
    if report.kind == "oom":
        return _cause(
            "exhausted", 0.9, "reclaim found nothing more: the OOM killer ran", report, allowed
        )
    if report.order:
        return _high_order(report, asked, allowed)
    return _order_zero(report, asked, allowed)


def _without_numbers(report: FailureReport) -> Cause | None:
    """Causes that need no memory dump."""
    here = (report.line,)
    if report.injected_line:
        lines = (report.injected_line, report.line)
        return Cause("injected", 0.98, "fault injection announced itself just before", lines)
    if report.kind == "stall":
        return Cause("other", 0.9, "a warning that the allocation takes long, not a failure", here)
    if report.order is not None and report.order > MAX_PAGE_ORDER:
        why = f"order {report.order} is beyond the largest block (order {MAX_PAGE_ORDER})"
        return Cause("impossible-order", 0.95, why, here)
    if any(frame.startswith("mem_cgroup_out_of_memory") for frame in report.frames):
        why = "a memory cgroup reached its own limit; the machine's free memory is not the matter"
        return Cause("other", 0.9, why, (report.line, report.first_frame_line))
    if report.kind == "vmalloc":
        if report.size == 0 and report.detail == "allocation failure":
            return Cause("impossible-order", 0.95, "zero bytes were asked of vmalloc", here)
        if "exceeds total pages" in report.detail:
            why = f"{report.size} bytes are more than the machine has"
            return Cause("impossible-order", 0.95, why, here)
        if "vm_struct" in report.detail or "vm_area" in report.detail:
            why = "no address space left in the vmalloc range; pages are not the problem"
            return Cause("other", 0.9, why, here)
    return None


def _why_unknown(report: FailureReport) -> str:
    if report.kind == "meminfo_only":
        return "a memory dump without a failure"
    if report.kind == "headless":
        return "the line that says what was asked is before the start of the log"
    return "the log shows no free memory, marks and blocks for this failure"


def _cause(
    name: str, confidence: float, reason: str, report: FailureReport, looks: list[ZoneLook]
) -> Cause:
    lines = [report.line]
    for look in looks:
        lines += [line for line in (look.zone.line, look.zone.blocks_line) if line]
    if report.entangled or report.is_truncated:
        confidence = round(confidence * 0.8, 2)
    return Cause(name, confidence, reason, tuple(dict.fromkeys(lines)))


def _restricted(
    report: FailureReport, looks: list[ZoneLook], allowed: list[ZoneLook]
) -> Cause | None:
    """Every allowed zone is short while one out of reach has plenty."""
    rich = [
        look
        for look in looks
        if not look.eligible
        and look.free * report.page_size_kb > look.zone.numbers.get("high", 1 << 60)
    ]
    if not rich or any(look.passes for look in allowed):
        return None
    why = f"{rich[0].zone.name} has {rich[0].free} free pages, but the mask does not reach it"
    return _cause("zone-restricted", 0.8, why, report, [*allowed, *rich])


def _order_zero(report: FailureReport, asked: Asked, allowed: list[ZoneLook]) -> Cause:
    reserved = _reserved(report, allowed)
    if reserved is not None:
        return reserved
    if any(look.passes for look in allowed):
        why = "at the time of printing a zone passes its mark again: the shortage was a moment's"
        return _cause("below-watermark", 0.5, why, report, allowed)
    free = sum(look.free for look in allowed)
    marks = sum(look.zone.numbers["min"] // report.page_size_kb for look in allowed)
    short = min(look.missing for look in allowed)
    if asked.may_sleep or free * _NOTHING_LEFT < marks:
        why = f"{free} pages free in all allowed zones, {short} short of the mark"
        return _cause("exhausted", 0.8, why, report, allowed)
    why = f"{short} pages short of the mark this request may go down to; it could not wait"
    return _cause("below-watermark", 0.85, why, report, allowed)


def _reserved(report: FailureReport, allowed: list[ZoneLook]) -> Cause | None:
    """Most of what is free is CMA or highatomic, and without it the mark is missed."""
    for look in allowed:
        holds = look.missing and look.missing <= look.reserved and 2 * look.reserved >= look.free
        if holds:
            why = f"{look.reserved} of {look.free} free pages are reserved (CMA, highatomic)"
            return _cause("reserved", 0.8, why, report, [look])
    return None


def _high_order(report: FailureReport, asked: Asked, allowed: list[ZoneLook]) -> Cause:
    order = report.order or 0
    for look in allowed:
        only_closed = bool(look.blocks) and look.own_blocks == 0
        if (
            2 * look.reserved >= look.free
            and look.reserved
            and (only_closed or look.blocks is None)
        ):
            why = (
                f"{look.reserved} of {look.free} free pages are CMA or highatomic, and so is "
                f"every block of order {order}"
            )
            return _cause("reserved", 0.8, why, report, [look])
    passing = [look for look in allowed if look.passes]
    if not passing:
        return _high_order_short(report, asked, allowed)
    if any(look.own_blocks for look in passing):
        why = f"blocks of order {order} exist by the time of printing: the state has moved on"
        name = "fragmented" if order >= _HIGH_ORDER else "below-watermark"
        return _cause(name, 0.55, why, report, passing)
    if any(look.blocks for look in passing):
        why = f"the only free blocks of order {order} are of types this request may not take"
        return _cause("fragmented", 0.7, why, report, passing)
    why = f"free memory is above the mark but no free block has order {order}"
    return _cause("fragmented", 0.9, why, report, passing)


def _high_order_short(report: FailureReport, asked: Asked, allowed: list[ZoneLook]) -> Cause:
    order = report.order or 0
    reserved = _reserved(report, allowed)
    if reserved is not None:
        return reserved
    free = sum(look.free for look in allowed)
    short = min(look.missing for look in allowed)
    if free < 1 << order or (asked.may_sleep and order <= _HIGH_ORDER and _is_spent(report)):
        why = f"{free} pages free in all allowed zones and little left to reclaim"
        return _cause("exhausted", 0.7, why, report, allowed)
    why = f"{short} pages short of the mark in the nearest zone"
    return _cause("below-watermark", 0.75, why, report, allowed)


def _is_spent(report: FailureReport) -> bool:
    """File pages that reclaim could take are fewer than one in 50 of the machine's."""
    ram = report.totals.get("pages_ram")
    names = ("active_file", "inactive_file")
    if ram is None or not all(name in report.counters for name in names):
        return False
    return 50 * sum(report.counters[name] for name in names) < ram

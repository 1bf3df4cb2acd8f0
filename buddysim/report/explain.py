"""The JSON document of ``buddysim explain``: schema ``buddysim/explain/1``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from buddysim.explain.explanation import Explanation
from buddysim.source.kernel_log_model import Suppressed, ZoneReport

__all__ = ["ExplainedLog", "explain_document"]


@dataclass(frozen=True)
class ExplainedLog:
    """One log with everything found in it."""

    path: str
    explanations: tuple[Explanation, ...]
    suppressed: tuple[Suppressed, ...]
    lines: int


def explain_document(logs: Iterable[ExplainedLog]) -> dict[str, Any]:
    """Plain data in the order of logs and lines; numbers the log does not print are null."""
    logs = list(logs)
    return {
        "schema": "buddysim/explain/1",
        "reports": [_report(log.path, item) for log in logs for item in log.explanations],
        "suppressed": [
            {"function": item.function, "count": item.count, "line": item.line, "log": log.path}
            for log in logs
            for item in log.suppressed
        ],
    }


def _report(path: str, item: Explanation) -> dict[str, Any]:
    report, cause, verdict = item.report, item.cause, item.verdict
    return {
        "log": path,
        "kind": report.kind,
        "lines": [report.line, report.last_line],
        "time": report.time,
        "kernel": report.kernel,
        "era": item.asked.profile.name,
        "era_known": item.asked.is_era_known,
        "comm": report.comm,
        "pid": report.pid,
        "order": report.order,
        "mode": report.mode,
        "gfp": report.gfp,
        "gfp_readings": [{"era": era, "names": names} for era, names in item.asked.readings],
        "caller": item.caller,
        "context": _context(item),
        "zones": [_zone(zone) for zone in report.zones],
        "suppressed": report.suppressed,
        "cause": cause.name,
        "cause_confidence": cause.confidence,
        "verdict": verdict.name,
        "confidence": verdict.confidence,
        "fault": verdict.fault,
        "reason": f"{cause.reason}; {verdict.reason}",
        "evidence": sorted({*cause.lines, *verdict.lines}),
        "replay": _replay(item),
        "advice": [
            {
                "action": advice.action,
                "setting": advice.setting,
                "value": advice.value,
                "replayed": advice.replayed,
            }
            for advice in item.advice
        ],
        "truncated": report.is_truncated,
        "entangled": report.entangled,
    }


def _context(item: Explanation) -> str | None:
    """``interrupt``, ``process``, or null where no stack tells."""
    if item.report.in_interrupt:
        return "interrupt"
    return "process" if item.asked.may_sleep or item.report.frames else None


def _zone(zone: ZoneReport) -> dict[str, Any]:
    numbers = {f"{name}_kb": zone.numbers.get(name) for name in ("free", "min", "low", "high")}
    return {
        "node": zone.node,
        "name": zone.name,
        **numbers,
        "boost_kb": zone.numbers.get("boost"),
        "managed_kb": zone.numbers.get("managed"),
        "lowmem_reserve_pages": zone.lowmem_reserve,
        "blocks": zone.blocks,
        "letters": zone.letters if zone.blocks is not None else None,
        "blocks_total_kb": zone.blocks_total_kb,
    }


def _replay(item: Explanation) -> dict[str, Any] | None:
    """What the rebuilt machine answered; null where it was not rebuilt."""
    if item.replayed is None:
        return None
    failure = item.replayed.failure
    walk = [] if failure is None else failure.zones
    return {
        "granted": item.replayed.granted,
        "cause": failure.cause if failure else None,
        "zones": [
            {
                "node": zone.node,
                "name": zone.name,
                "free_pages": zone.free,
                "mark_pages": zone.mark,
                "reserve_pages": zone.reserve,
                "missing_pages": zone.missing,
                "verdict": zone.verdict,
            }
            for zone in walk
        ],
    }

"""From a run and its findings to the Report: the plain document every presenter shows.

Its shape is the command line's contract (``buddysim/replay/1``); numbers carry their unit in the
key or are plain counts.  Presenters compute nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from buddysim import __version__
from buddysim.findings.finding import Finding
from buddysim.findings.registry import find_all, find_allowed
from buddysim.findings.verdict import verdicts
from buddysim.kernel.gfp import format_names
from buddysim.kernel.profile import profile_of
from buddysim.replay.looks import Sample
from buddysim.replay.outcome import CallerStats, RunResult, ZoneFacts
from buddysim.warn.counters import FailureCount

if TYPE_CHECKING:
    from buddysim.replay.failure_row import FailureRow

__all__ = ["Report", "build_report", "finding_report"]

Report = dict[str, Any]
"""A JSON-ready document with a ``schema`` key."""


def build_report(run: RunResult, *, schema: str = "buddysim/replay/1") -> Report:
    """The whole report.  The same run gives the same document but for ``events_per_second``."""
    findings = find_all(run)
    allowed = find_allowed(run)
    seconds = run.wall_seconds
    return {
        "schema": schema,
        "buddysim": __version__,
        "build": run.build,
        "profile": run.profile,
        "seed": run.config.seed,
        "digest": run.digest,
        "machine": run.machine_origin,
        "placement": run.config.placement,
        "trace": _trace(run),
        "events_per_second": round(run.events / seconds) if seconds > 0 else 0,
        "allocations": _allocations(run),
        "warnings": _warnings(run),
        "zones": [_zone(zone) for zone in run.zones],
        "vmstat": run.vmstat,
        "counters": run.counters,
        "callers": _callers(run, findings),
        "findings": [finding_report(finding) for finding in findings],
        "allowed": [{**finding_report(finding), "reason": reason} for finding, reason in allowed],
        "failures": [_failure(row) for row in run.failures[:_FAILURES_SHOWN]],
        "samples": [_sample(sample) for sample in run.samples],
        "occupancy": [
            {"caller": row.caller, "peak_pages": max(row.pages), "pages": list(row.pages)}
            for row in run.occupancy
        ],
    }


_FAILURES_SHOWN = 1000


def _trace(run: RunResult) -> Report:
    meta = run.meta
    return {
        "path": meta.path,
        "format": meta.format,
        "events": run.events,
        "span_ns": run.span_ns,
        "lines": meta.lines,
        "skipped_lines": meta.skipped_lines,
        "lost_events": meta.lost_events,
        "truncated": meta.truncated,
        "reconciled": dict(sorted(run.reconciled.items())),
    }


def _allocations(run: RunResult) -> Report:
    totals = run.totals
    era = profile_of(run.profile).gfp_era
    return {
        "attempted": totals.attempted,
        "succeeded": totals.succeeded,
        "freed": totals.freed,
        "failed_natural": totals.failed_natural,
        "failed_injected": totals.failed_injected,
        "failed_observed": totals.failed_observed,
        "failed_by_cause": dict(sorted(totals.failed_by_cause.items())),
        "by_order": list(totals.by_order),
        "by_gfp": {
            format_names(gfp, era) or "0": count
            for gfp, count in sorted(totals.by_gfp.items(), key=lambda item: (-item[1], item[0]))
        },
    }


def _warnings(run: RunResult) -> Report:
    warnings = run.warnings
    era = profile_of(run.profile).gfp_era
    return {
        "policy": warnings.policy,
        "emitted": warnings.emitted,
        "suppressed_by_ratelimit": warnings.suppressed_by_ratelimit,
        "suppressed_by_nowarn": warnings.suppressed_by_nowarn,
        "by_caller": dict(sorted(warnings.by_caller.items())),
        "suppressed_by_caller": dict(sorted(warnings.suppressed_by_caller.items())),
        "counts": [_count(row, era) for row in warnings.counts],
        "lines": list(warnings.lines),
        "lines_dropped": warnings.lines_dropped,
    }


def _count(row: FailureCount, era: str) -> Report:
    return {
        "caller": row.caller,
        "order": row.order,
        "gfp": format_names(row.gfp, era) or "0",
        "cause": row.cause,
        "failed": row.failed,
        "printed": row.printed,
        "suppressed_by_ratelimit": row.suppressed,
        "suppressed_by_nowarn": row.nowarn,
    }


def _zone(zone: ZoneFacts) -> Report:
    return {
        "name": zone.name,
        "node": zone.node,
        "managed_pages": zone.managed_pages,
        "free_pages": zone.free_pages,
        "nr_free": list(zone.nr_free),
        "min_pages": zone.min_pages,
        "low_pages": zone.low_pages,
        "high_pages": zone.high_pages,
        "unusable_index": list(zone.unusable_index),
        "extfrag_index": list(zone.extfrag_index),
    }


def _callers(run: RunResult, findings: Sequence[Finding]) -> list[Report]:
    words = verdicts(run, findings)
    codes: dict[str, list[str]] = {}
    for finding in findings:
        held = codes.setdefault(finding.caller, [])
        if finding.code not in held:
            held.append(finding.code)
    return [_caller(stats, str(words[stats.caller]), codes) for stats in run.callers]


def _caller(stats: CallerStats, verdict: str, codes: dict[str, list[str]]) -> Report:
    return {
        "caller": stats.caller,
        "verdict": verdict,
        "attempted": stats.attempted,
        "failed": stats.failed,
        "natural": stats.failed_natural,
        "injected": stats.failed_injected,
        "observed": stats.failed_observed,
        "failed_by_cause": dict(sorted(stats.failed_by_cause.items())),
        "warned": stats.warned,
        "suppressed": stats.suppressed,
        "nowarn": stats.nowarn,
        "pages": stats.pages,
        "live_pages": stats.live_pages,
        "reserve_pages": stats.reserve_pages,
        "findings": codes.get(stats.caller, []),
    }


def finding_report(finding: Finding) -> Report:
    """One finding as every document has it."""
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": str(finding.severity),
        "caller": finding.caller,
        "origin": str(finding.origin),
        "message": finding.message,
        "plausibility": finding.plausibility,
        "path": finding.path,
        "evidence": [entry._asdict() for entry in finding.evidence],
        "repro": finding.repro,
    }


def _failure(row: FailureRow) -> Report:
    return asdict(row)


def _sample(sample: Sample) -> Report:
    return {
        "event": sample.event,
        "time_ns": sample.time_ns,
        "free_pages": sample.free_pages,
        "largest_order": sample.largest_order,
        "nr_free": sample.nr_free,
        "unusable_index": sample.unusable_index,
        "failed": sample.failed,
        "live_pages": sample.live_pages,
        "earlier_pages": sample.earlier_pages,
    }

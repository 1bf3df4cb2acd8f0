"""From a comparison to its document, ``buddysim/compare/1``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from buddysim.kernel.gfp import format_names
from buddysim.kernel.profile import profile_of
from buddysim.replay.comparison import Comparison, Divergence, Seen, Side
from buddysim.replay.film import ZoneFrame
from buddysim.replay.outcome import CallerStats, RunResult
from buddysim.report.build import Report, build_report

__all__ = ["build_compare_report"]

_SHARED = (
    "profile", "seed", "digest", "machine", "placement", "trace", "allocations", "zones", "vmstat",
)  # fmt: skip
_COUNTERS = (
    ("reclaim", "direct_reclaims", ("allocstall",)),
    ("reclaim", "pages_scanned", ("pgscan_",)),
    ("reclaim", "pages_reclaimed", ("pgsteal_",)),
    ("reclaim", "kswapd_wakes", ("pageoutrun",)),
    ("reclaim", "oom_kills", ("oom_kill",)),
    ("compaction", "compactions", ("compact_stall",)),
    ("compaction", "compactions_succeeded", ("compact_success",)),
    ("compaction", "compactions_failed", ("compact_fail",)),
    ("compaction", "pages_migrated", ("pgmigrate_success",)),
)
"""Group, name, and the /proc/vmstat counters that begin so, added up."""
_SEVERITIES = ("error", "warning", "note")


def build_compare_report(found: Comparison) -> Report:
    """Numbers of both sides, where they part, who fares better or worse in B."""
    reports = [build_report(run) for run in found.runs]
    a, b = (_side(side, report) for side, report in zip(found.sides, reports, strict=True))
    callers = _callers(*found.runs, *reports)
    only_a, only_b = _only(reports[0], reports[1]), _only(reports[1], reports[0])
    return {
        "schema": "buddysim/compare/1",
        **{key: reports[0][key] for key in ("buddysim", "build")},
        "same": found.same,
        "interrupted": found.interrupted,
        "a": a,
        "b": b,
        "numbers": _numbers(*found.runs, *reports),
        "first_divergence": _first(found),
        "divergences": [_divergence(each, found.runs) for each in found.divergences],
        "failures_compared": {
            "every": found.looked_at_every_failure,
            "count": found.failures_compared,
        },
        "callers": callers,
        "better": [row["caller"] for row in callers if row["change"] == "better"],
        "worse": [row["caller"] for row in callers if row["change"] == "worse"],
        "findings_only_in_a": only_a,
        "findings_only_in_b": only_b,
    }


def _side(side: Side, report: Report) -> Report:
    shared = {key: report[key] for key in _SHARED}
    warnings = report["warnings"]
    return {
        "settings": list(side.settings),
        **shared,
        "warnings": {
            key: warnings[key]
            for key in ("policy", "emitted", "suppressed_by_ratelimit", "suppressed_by_nowarn")
        },
        "findings": len(report["findings"]),
    }


# Numbers.


def _numbers(a: RunResult, b: RunResult, one: Report, other: Report) -> list[Report]:
    """One row a number: group, name, both values, the difference B - A."""
    sides = [_values(run, report) for run, report in ((a, one), (b, other))]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    order = {group: place for place, group in enumerate(_GROUPS)}
    names.sort(key=lambda name: order[name[0]])
    return [
        {
            "group": group,
            "name": name,
            "a": sides[0].get((group, name), 0),
            "b": sides[1].get((group, name), 0),
            "change": _change(sides[0].get((group, name), 0), sides[1].get((group, name), 0)),
        }
        for group, name in names
    ]


_GROUPS = (
    "requests", "failures", "causes", "warnings", "reclaim", "compaction", "fragmentation",
    "memory at the end", "findings",
)  # fmt: skip


def _change(a: float, b: float) -> float:
    return round(b - a, 4)


def _values(run: RunResult, report: Report) -> dict[tuple[str, str], float]:
    totals = run.totals
    found: dict[tuple[str, str], float] = {
        ("requests", "events"): run.events,
        ("requests", "attempted"): totals.attempted,
        ("requests", "succeeded"): totals.succeeded,
        ("requests", "freed"): totals.freed,
        ("failures", "failed_natural"): totals.failed_natural,
        ("failures", "failed_observed"): totals.failed_observed,
        ("failures", "failed_injected"): totals.failed_injected,
    }
    for cause, count in sorted(totals.failed_by_cause.items()):
        found["causes", cause] = count
    warnings = run.warnings
    found["warnings", "printed"] = warnings.emitted
    found["warnings", "hidden_by_ratelimit"] = warnings.suppressed_by_ratelimit
    found["warnings", "silent_by_nowarn"] = warnings.suppressed_by_nowarn
    for group, name, beginnings in _COUNTERS:
        found[group, name] = sum(
            count for key, count in run.vmstat.items() if key.startswith(beginnings)
        )
    found["fragmentation", "extfrag_fallbacks"] = sum(each.extfrag for each in run.callers)
    found |= _memory(run)
    for severity in _SEVERITIES:
        found["findings", f"{severity}s"] = sum(
            each["severity"] == severity for each in report["findings"]
        )
    return found


def _memory(run: RunResult) -> dict[tuple[str, str], float]:
    """Every zone as it ended."""
    found: dict[tuple[str, str], float] = {}
    for zone in run.zones:
        name = f"{zone.node} {zone.name}"
        largest = max((order for order, blocks in enumerate(zone.nr_free) if blocks), default=-1)
        for word, value in (
            ("min_pages", zone.min_pages),
            ("low_pages", zone.low_pages),
            ("high_pages", zone.high_pages),
            ("free_pages", zone.free_pages),
            ("largest_free_order", largest),
            ("unusable_index_3", zone.unusable_index[3]),
            ("unusable_index_9", zone.unusable_index[9]),
        ):
            found["memory at the end", f"{name} {word}"] = value
    return found


# Where they part.


def _first(found: Comparison) -> Report | None:
    """The earliest divergence."""
    if not found.divergences:
        return None
    return _divergence(min(found.divergences, key=lambda each: each.event), found.runs)


def _divergence(each: Divergence, runs: tuple[RunResult, RunResult]) -> Report:
    told = each.a.told or each.b.told
    assert told is not None, "one side has this event"
    return {
        "level": each.level,
        "event": each.event,
        "line": told.line,
        "time_ns": told.time_ns,
        "a": _seen(each.a, runs[0]),
        "b": _seen(each.b, runs[1]),
    }


def _seen(seen: Seen, run: RunResult) -> Report | None:
    """One side's view of the event; None when its trace has ended."""
    if seen.told is None:
        return None
    failure = seen.failure
    era = profile_of(run.profile).gfp_era
    return {
        **asdict(seen.told),
        "gfp": format_names(seen.told.gfp, era) if seen.told.kind == "alloc" else "",
        "failed_in_trace": seen.told.failed,
        "outcome": seen.outcome,
        "simulated_pfns": list(seen.pfns),
        "cause": failure.cause if failure else "",
        "origin": failure.origin if failure else "",
        "failure_zones": [asdict(look) for look in failure.zones] if failure else [],
        "zones_before": [_zone(zone) for zone in seen.zones],
    }


def _zone(zone: ZoneFrame) -> Report:
    return {
        "name": zone.name,
        "node": zone.node,
        "free_pages": zone.free,
        "min_pages": zone.min,
        "low_pages": zone.low,
        "high_pages": zone.high,
        "nr_free": list(zone.nr_free),
    }


# Callers and findings.


def _callers(a: RunResult, b: RunResult, one: Report, other: Report) -> list[Report]:
    """Callers whose account differs, the most changed first."""
    stats = [{each.caller: each for each in run.callers} for run in (a, b)]
    verdicts = [
        {row["caller"]: row["verdict"] for row in report["callers"]} for report in (one, other)
    ]
    rows: list[Report] = []
    for name in sorted(stats[0].keys() | stats[1].keys()):
        sides = [
            _account(each.get(name), told.get(name, ""))
            for each, told in zip(stats, verdicts, strict=True)
        ]
        if sides[0] != sides[1]:
            rows.append({"caller": name, "change": _judged(*sides), "a": sides[0], "b": sides[1]})
    rows.sort(key=_by_change)
    return rows


def _by_change(row: Report) -> tuple[int, str]:
    return -abs(row["b"]["failed"] - row["a"]["failed"]), row["caller"]


def _account(stats: CallerStats | None, verdict: str) -> dict[str, Any]:
    if stats is None:
        stats = CallerStats("")
    return {
        "verdict": verdict or "absent",
        "attempted": stats.attempted,
        "failed": stats.failed,
        "natural": stats.failed_natural,
        "observed": stats.failed_observed,
        "injected": stats.failed_injected,
        "failed_by_cause": dict(sorted(stats.failed_by_cause.items())),
        "warned": stats.warned,
        "live_pages": stats.live_pages,
    }


def _judged(a: dict[str, Any], b: dict[str, Any]) -> str:
    """By failures, then by verdict: what this caller would say of side B."""
    if "absent" in (a["verdict"], b["verdict"]):
        return f"only in {'b' if a['verdict'] == 'absent' else 'a'}"
    if a["failed"] != b["failed"]:
        return "better" if b["failed"] < a["failed"] else "worse"
    if (a["verdict"] == "mishandles") != (b["verdict"] == "mishandles"):
        return "better" if a["verdict"] == "mishandles" else "worse"
    return "different"


def _only(here: Report, there: Report) -> list[Report]:
    """Findings of one side that the other does not have: same code, same caller."""
    known = {(each["code"], each["caller"]) for each in there["findings"]}
    return [
        {key: each[key] for key in ("code", "name", "severity", "caller", "origin", "message")}
        for each in here["findings"]
        if (each["code"], each["caller"]) not in known
    ]

"""From an exploration to its document, ``buddysim/explore/1``."""

from __future__ import annotations

from dataclasses import asdict

from buddysim.findings.exploration import explored_callers, explored_findings
from buddysim.replay.exploration import Exploration
from buddysim.report.build import Report, build_report, finding_report

__all__ = ["build_explore_report"]


def build_explore_report(found: Exploration) -> Report:
    """The run without faults, the verdict table, findings, and how much was covered."""
    base = build_report(found.baseline)
    findings = explored_findings(found)
    options = found.options
    covered = found.coverage().values()
    return {
        "schema": "buddysim/explore/1",
        **{key: base[key] for key in ("buddysim", "build", "profile", "seed", "machine", "trace")},
        "strategy": options.strategy,
        "schedules": list(options.schedules),
        "horizon_events": options.horizon,
        "interrupted": found.interrupted,
        "coverage": {
            "points": sum(each.points for each in covered),
            "failed_points": sum(each.failed_points for each in covered),
            "runs": sum(each.runs for each in covered),
            "ended": found.ends(),
            "without_verdict": sum(bool(each.trouble) for each in found.attempts),
        },
        "allocations": base["allocations"],
        "counters": base["counters"],
        "callers": [_caller(row) for row in explored_callers(found, findings)],
        "findings": [finding_report(each) for each in findings],
        "allowed": base["allowed"],
    }


def _caller(row: object) -> Report:
    document = asdict(row)  # type: ignore[call-overload]  # a dataclass
    return {**document, "verdict": str(document["verdict"]), "attempted": document["points"]}

"""What an exploration proves: findings once each, and a verdict per caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from buddysim.findings.finding import Finding, Origin, Severity
from buddysim.findings.registry import find_all
from buddysim.findings.repro import command
from buddysim.findings.rules import survives_one, unstable
from buddysim.findings.verdict import Verdict
from buddysim.replay.exploration import Attempt, Coverage, Exploration, Point
from buddysim.replay.outcome import CallerStats, RunResult

__all__ = ["ExploredCaller", "explored_callers", "explored_findings", "judge"]

_ABOUT_FAILURES = frozenset(
    {
        "BS101", "BS102", "BS103", "BS104", "BS105", "BS106", "BS107", "BS108", "BS110", "BS201",
        "BS203", "BS205", "BS209", "BS210", "BS302",
    }
)  # fmt: skip
"""Findings that a failure can bring about; the others are about the run as a whole."""

_STREAK = "BS203"

Key = tuple[str, str, int]


@dataclass(slots=True)
class ExploredCaller:
    """One caller's line of the verdict table."""

    caller: str
    verdict: Verdict
    points: int = 0
    failed_points: int = 0
    natural: int = 0
    injected: int = 0
    findings: list[str] = field(default_factory=list)
    plausibility: str = ""
    allow: dict[str, str] = field(default_factory=dict)


def judge(run: RunResult) -> list[Finding]:
    """What one failure brought about.  Runs where the failure was lived through."""
    return find_all(run, _ABOUT_FAILURES)


def fault_of(point: Point, schedule: str, *, script: bool) -> str:
    """The ``--fault`` value that repeats an attempt."""
    if schedule == "transient":
        return f"caller={point.caller},nth={point.nth}"
    return f"caller={point.caller},from={point.nth}" if script else f"from:{point.number}"


def explored_findings(found: Exploration) -> list[Finding]:
    """Findings of the run without faults, then those that failures brought about, once each."""
    reached = {caller for caller, covered in found.coverage().items() if covered.runs}
    plain = [
        finding
        for finding in find_all(found.baseline)
        if finding.code != "BS901" or finding.caller not in reached
    ]
    known = {_key(finding) for finding in plain}
    transient = _first_of(found, "transient", known)
    streaks = _first_of(found, "persistent", known | set(transient))
    all_found = [*plain, *transient.values(), *_of_streaks(found, transient, streaks)]
    all_found += unstable.claims(found)
    marked = [_marked(finding, found) for finding in all_found]
    return sorted(marked, key=lambda each: (-each.severity.weight, each.code, each.caller))


def _key(finding: Finding) -> Key:
    return finding.code, finding.caller, finding.evidence[0].line if finding.evidence else 0


def _first_of(found: Exploration, schedule: str, known: set[Key]) -> dict[Key, Finding]:
    first: dict[Key, Finding] = {}
    unknown = _undeclared(found.baseline)
    for attempt in found.attempts:
        if attempt.schedule != schedule:
            continue
        for finding in attempt.judged or ():
            if _key(finding) not in known and finding.caller not in unknown:
                first.setdefault(_key(finding), _owned(found, attempt, finding))
    return first


def _undeclared(run: RunResult) -> set[str]:
    """Callers of a recording of whom nobody says what they do when they fail."""
    if run.story.is_story or run.meta.format == "python":
        return set()
    return {stats.caller for stats in run.callers if not stats.declared}


def _owned(found: Exploration, attempt: Attempt, finding: Finding) -> Finding:
    """A finding with the one fault that brings it about."""
    is_script = found.baseline.meta.format != "python"
    fault = fault_of(attempt.point, attempt.schedule, script=is_script)
    faults = (*found.baseline.config.faults, fault)
    return replace(
        finding,
        origin=Origin.INJECTED,
        repro=command(found.baseline, faults),
        plausibility=attempt.plausibility or finding.plausibility,
    )


def _of_streaks(
    found: Exploration, transient: dict[Key, Finding], streaks: dict[Key, Finding]
) -> Iterator[Finding]:
    """What only a streak of failures shows is BS109, but for a storm, which is one by itself."""
    already = {(code, caller) for code, caller, _line in transient}
    told: set[str] = set()
    for (code, caller, _line), finding in streaks.items():
        if code == _STREAK:
            yield finding
        elif (code, caller) not in already and caller not in told:
            told.add(caller)
            if finding.severity is Severity.NOTE or "BS109" in _allow(found, caller):
                continue
            yield survives_one.claim(finding)


def _allow(found: Exploration, caller: str) -> dict[str, str]:
    return next((each.allow for each in found.baseline.callers if each.caller == caller), {})


def _marked(finding: Finding, found: Exploration) -> Finding:
    if finding.caller not in found.unstable or finding.code == "BS902":
        return finding
    return replace(finding, message=f"{finding.message} (unstable)")


def explored_callers(found: Exploration, findings: list[Finding]) -> list[ExploredCaller]:
    """The verdict table, the worst first."""
    coverage, undeclared = found.coverage(), _undeclared(found.baseline)
    told = [each for each in reversed(found.attempts) if each.plausibility]
    texts = {each.point.caller: each.plausibility for each in told}
    rows = [
        _row(found, stats, findings, coverage.get(stats.caller, Coverage()), texts, undeclared)
        for stats in found.baseline.callers
    ]
    order = (Verdict.MISHANDLES, Verdict.UNTESTED, Verdict.HANDLES)
    return sorted(rows, key=lambda row: (order.index(row.verdict), row.caller))


def _row(
    found: Exploration,
    stats: CallerStats,
    findings: list[Finding],
    covered: Coverage,
    texts: dict[str, str],
    undeclared: set[str],
) -> ExploredCaller:
    own = [finding for finding in findings if finding.caller == stats.caller]
    bad = any(
        each.severity is Severity.ERROR
        or (each.severity is Severity.WARNING and each.code in _ABOUT_FAILURES)
        for each in own
    )
    reached = (covered.runs or stats.failed) and stats.caller not in undeclared
    handles = Verdict.HANDLES if reached else Verdict.UNTESTED
    return ExploredCaller(
        stats.caller,
        Verdict.MISHANDLES if bad else handles,
        covered.points,
        covered.failed_points,
        stats.failed_natural,
        covered.runs,
        sorted({finding.code for finding in own}),
        texts.get(stats.caller, ""),
        dict(stats.allow),
    )

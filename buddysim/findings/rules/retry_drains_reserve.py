"""BS204 retry-drains-reserve."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule, evidence_of
from buddysim.replay.outcome import CallerStats, RunResult

__all__ = ["LIMIT_PER_S", "RULE"]

LIMIT_PER_S = 100
"""Failed repetitions within one second."""


def _detect(run: RunResult) -> Iterator[Finding]:
    for stats in run.callers:
        if stats.retries_below_min_per_s >= LIMIT_PER_S:
            yield _finding(run, stats)


def _finding(run: RunResult, stats: CallerStats) -> Finding:
    request = describe(run, stats.streak_order, stats.streak_gfp)
    return RULE.claim(
        stats.caller,
        f"{stats.retries_below_min_per_s} failed repetitions of {request} within one second while "
        f"a zone was below its min mark",
        evidence_of(stats.retries_first, "a repetition below the min mark"),
        origin=stats.origin,
        repro=command(run),
        path=run.meta.path if run.story.is_story else "",
    )


RULE = Rule(
    code="BS204",
    name="retry-drains-reserve",
    severity=Severity.WARNING,
    what=f"Reports a caller that repeats failing requests at {LIMIT_PER_S} or more a second while "
    "a zone is below its min mark.",
    why="Whatever is freed is taken at once: reclaim and the interrupts that need the reserve "
    "never get it, and the shortage feeds itself.",
    known_problems="Only repetitions count, not requests after a failure that was coped with.",
    example="alloc a gfp=GFP_ATOMIC else=retry:10:100,drop    # many times a second",
    use_instead="Back off: wait longer after each failure, or until pages were freed.",
    references=("catalogue of findings, BS204", "fact sheet 3.4"),
    detect=_detect,
)

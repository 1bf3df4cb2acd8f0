"""BS303 warning-hog."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]

_HOG_WARNINGS = 5


def _detect(run: RunResult) -> Iterator[Finding]:
    hidden = sorted(stats.caller for stats in run.callers if stats.suppressed and not stats.warned)
    if not hidden:
        return
    printed = sum(stats.warned for stats in run.callers)
    for stats in run.callers:
        if stats.warned < _HOG_WARNINGS or stats.warned * 2 < printed:
            continue
        rows = [row for row in run.failures if row.caller == stats.caller]
        evidence = tuple(
            Evidence(row.event, row.line, row.time_ns, describe(run, row.order, row.gfp))
            for row in rows[:1]
        )
        yield RULE.claim(
            stats.caller,
            f"{plural(stats.warned, 'warning')} of {printed} printed are its own; the rate limit "
            f"left none for {', '.join(hidden[:3])}",
            evidence,
            origin=rows[0].origin if rows else "natural",
            repro=command(run),
            path=run.meta.path if run.story.is_story else "",
        )


RULE = Rule(
    code="BS303",
    name="warning-hog",
    severity=Severity.NOTE,
    what=f"Reports a caller with at least {_HOG_WARNINGS} printed warnings, and half of all, while "
    "warnings of others were all kept back by the rate limit.",
    why="The log shows the loud one; the one that was really hurt never appears.",
    known_problems="Needs a warning policy with a rate limit; with --warn counters or silent "
    "nothing is printed and nobody can be hidden.",
    example="alloc a repeat=10 else=drop    # then another caller fails in the same five seconds",
    use_instead="__GFP_NOWARN and a counter in the loud caller.",
    references=("catalogue of findings, BS303", "fact sheet 10.6"),
    detect=_detect,
)

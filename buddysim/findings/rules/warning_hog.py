"""BS303 warning-hog."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]

_LOUD = 10
"""Failures with an audible mask."""


def _detect(run: RunResult) -> Iterator[Finding]:
    never_heard = {stats.caller for stats in run.callers if not stats.warned}
    for stats in run.callers:
        victims = sorted(never_heard & set(run.warnings.hidden_by.get(stats.caller, ())))
        loud = stats.warned + stats.suppressed
        if not victims or loud < _LOUD:
            continue
        rows = [row for row in run.failures if row.caller == stats.caller]
        evidence = tuple(
            Evidence(row.event, row.line, row.time_ns, describe(run, row.order, row.gfp))
            for row in rows[:1]
        )
        yield RULE.claim(
            stats.caller,
            f"{plural(loud, 'failure')} that ask for a warning used up the rate limit; no warning "
            f"of {', '.join(victims[:3])} was ever printed",
            evidence,
            origin=rows[0].origin if rows else "natural",
            repro=command(run),
            path=run.meta.path if run.story.is_story else "",
        )


RULE = Rule(
    code="BS303",
    name="warning-hog",
    severity=Severity.NOTE,
    what=f"Reports a caller with at least {_LOUD} failures that ask for a warning, whose printed "
    "one used up the rate limit, so that some other caller was never heard at all.",
    why="The log shows the loud one; the one that was really hurt never appears.",
    known_problems="Needs a warning policy with a rate limit; with --warn counters or silent "
    "nothing is printed and nobody can be hidden.",
    example="alloc a repeat=10 else=drop    # then another caller fails within the same seconds",
    use_instead="__GFP_NOWARN and a counter in the loud caller.",
    references=("catalogue of findings, BS303", "fact sheet 10.6"),
    detect=_detect,
)

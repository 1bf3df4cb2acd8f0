"""BS402 hoards."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]

_SHARE_PERCENT = 25
"""Of all managed pages."""


def _detect(run: RunResult) -> Iterator[Finding]:
    managed = sum(zone.managed_pages for zone in run.zones)
    for stats in run.callers:
        held = stats.peak_live_pages
        if stats.spoiled_failures and held * 100 >= managed * _SHARE_PERCENT:
            failures = plural(stats.spoiled_failures, "request")
            largest = max(stats.shapes, key=lambda shape: shape.attempted << shape.order)
            yield RULE.claim(
                stats.caller,
                f"held up to {held} pages ({held * 100 // managed} % of memory) while {failures} "
                "of others failed",
                evidence_of(largest.first, "most of its pages")
                + evidence_of(stats.spoiled_first, "a failure of another caller"),
                repro=command(run),
                path=run.meta.path if run.story.is_story else "",
            )


RULE = Rule(
    code="BS402",
    name="hoards",
    severity=Severity.NOTE,
    what=f"Reports a caller that held {_SHARE_PERCENT} % of memory or more, and more than anyone "
    "else, when a request of somebody else failed.",
    why="The caller that fails is rarely the one that has the memory.",
    known_problems="A page cache or a database is meant to hold most of memory.",
    example="alloc a repeat=8000    # and never freed",
    use_instead="A shrinker, a smaller pool, or a limit.",
    references=("catalogue of findings, BS402", "fact sheet 8.1"),
    detect=_detect,
)

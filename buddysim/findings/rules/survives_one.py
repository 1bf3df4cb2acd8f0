"""BS109 survives-one-not-a-streak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE", "claim"]


def _detect(_run: RunResult) -> Iterator[Finding]:
    """One run cannot show it: see :func:`claim`."""
    return iter(())


def claim(shown: Finding) -> Finding:
    """BS109 for a finding that every single failure of an exploration left unshown."""
    return replace(
        shown,
        code=RULE.code,
        name=RULE.name,
        severity=RULE.severity,
        message="survives any one failure, but not when every later allocation fails too: "
        f"{shown.code} {shown.name}, {shown.message}",
    )


RULE = Rule(
    code="BS109",
    name="survives-one-not-a-streak",
    severity=Severity.ERROR,
    what="Reports a caller that copes with each single failure and breaks when every later "
    "allocation fails too. Only explore can tell.",
    why="Real shortages last. A fallback that is not checked itself is no fallback.",
    known_problems="Only allocations that the run without faults makes begin a streak.",
    example="page = big(mm) or small(mm)\npage.touch()",
    use_instead="Check the fallback as carefully as the first attempt.",
    references=("catalogue of findings, BS109",),
    detect=_detect,
)

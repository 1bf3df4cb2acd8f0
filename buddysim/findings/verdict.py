"""One word per caller: does it handle failing allocations?"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from buddysim.findings.finding import Finding, Severity
from buddysim.replay.outcome import CallerStats, RunResult

__all__ = ["Verdict", "verdicts"]

_ABOUT_FAILURES = frozenset({"BS108", "BS204", "BS205"})
"""Warnings that are about what happened after a failure."""


class Verdict(StrEnum):
    """``untested``: no failure ever reached it, which is not the same as handling them."""

    HANDLES = "handles"
    MISHANDLES = "mishandles"
    UNTESTED = "untested"


def verdicts(run: RunResult, findings: Sequence[Finding]) -> dict[str, Verdict]:
    """Verdict by caller name.

    An error, or a warning about what followed a failure, makes it *mishandles*.  A recorded caller
    without a declared policy is *untested* otherwise: what it did is not in the recording, and is
    not guessed from its next requests.
    """
    bad = {
        finding.caller
        for finding in findings
        if finding.severity is Severity.ERROR or finding.code in _ABOUT_FAILURES
    }
    return {stats.caller: _verdict(run, stats, stats.caller in bad) for stats in run.callers}


def _verdict(run: RunResult, stats: CallerStats, is_bad: bool) -> Verdict:
    if is_bad:
        return Verdict.MISHANDLES
    if not stats.failed:
        return Verdict.UNTESTED
    if run.story.is_story or stats.declared:
        return Verdict.HANDLES
    return Verdict.UNTESTED

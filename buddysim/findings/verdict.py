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
    without a declared policy is judged by its findings only, and is *untested* otherwise unless
    its next requests were seen to recover: what it did is not in the recording.
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
    if run.story.is_story or stats.declared or _was_seen_to_recover(stats):
        return Verdict.HANDLES
    return Verdict.UNTESTED


def _was_seen_to_recover(stats: CallerStats) -> bool:
    """Every failure of a recorded caller was followed by a success of its own."""
    followed = sum(
        count for word, count in stats.after_failure.items() if word.endswith("-succeeded")
    )
    return followed > 0 and followed == sum(stats.after_failure.values())

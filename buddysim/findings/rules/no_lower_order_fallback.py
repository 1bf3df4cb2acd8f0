"""BS205 no-lower-order-fallback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command, command_for_episode
from buddysim.findings.request import describe, is_speculative, plural
from buddysim.findings.rule import Rule
from buddysim.findings.unhandled import is_never_smaller
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.failure_row import FailureRow

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    if not run.story.is_story:
        yield from _observed(run)
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        key = (episode.caller, episode.line)
        if is_never_smaller(run, episode) and key not in told:
            told.add(key)
            request = describe(run, episode.order, episode.gfp)
            yield RULE.claim(
                episode.caller,
                f"{episode.handle} ({request}) failed; nothing smaller, scattered or counted "
                "came after it",
                (Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),),
                origin=episode.origin,
                plausibility=episode.plausibility,
                repro=command_for_episode(run, episode),
                path=run.meta.path,
            )


def _observed(run: RunResult) -> Iterator[Finding]:
    """In recordings: failures of order > 0 with an audible mask and no smaller request after.

    Not injected ones: the recording goes on as if they had worked.
    """
    by_caller: dict[str, list[FailureRow]] = {}
    for row in run.failures:
        if row.order > 0 and row.origin != "injected" and not is_speculative(row.gfp):
            by_caller.setdefault(row.caller, []).append(row)
    for stats in run.callers:
        rows = by_caller.get(stats.caller)
        smaller = sum(
            count for word, count in stats.after_failure.items() if word.startswith("smaller")
        )
        if not rows or smaller or stats.declared:
            continue
        first = rows[0]
        request = describe(run, first.order, first.gfp)
        yield RULE.claim(
            stats.caller,
            f"{plural(len(rows), 'failure')} of order above 0, none followed by a smaller request "
            "of this caller",
            (Evidence(first.event, first.line, first.time_ns, f"{request} failed"),),
            origin=first.origin,
            plausibility=first.plausibility,
            repro=command(run),
        )


RULE = Rule(
    code="BS205",
    name="no-lower-order-fallback",
    severity=Severity.WARNING,
    what="Reports an order above 0 that failed and whose caller never tried a smaller order, "
    "scattered pages (vmalloc), or dropping with a count.",
    why="High orders fail on a fragmented machine with most of its memory free. Order 0 would have "
    "worked.",
    known_problems="In recordings only the same caller's next request is seen: a fallback by "
    "another function is missed, and a drop counter is invisible.",
    example="alloc a order=3 gfp=GFP_ATOMIC else=ignore",
    use_instead="Try again with order 0 (scatter/gather, page fragments), kvmalloc, or drop and "
    "count.",
    references=("catalogue of findings, BS205", "fact sheet 14.1"),
    detect=_detect,
)

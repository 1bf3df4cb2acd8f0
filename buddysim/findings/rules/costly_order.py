"""BS206 costly-order."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, is_speculative, plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.kernel.constants import PAGE_ALLOC_COSTLY_ORDER
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import CallerStats, RunResult

__all__ = ["RULE"]

_MAY_GIVE_UP = int(Gfp.NORETRY | Gfp.RETRY_MAYFAIL | Gfp.REPEAT)


def _detect(run: RunResult) -> Iterator[Finding]:
    falls_back = {each.caller for each in run.story.episodes if each.has_fallback}
    falls_back |= set(run.story.fallback_callers)
    for stats in run.callers:
        costly = [
            shape
            for shape in stats.shapes
            if shape.order > PAGE_ALLOC_COSTLY_ORDER
            and not shape.gfp & _MAY_GIVE_UP
            and not is_speculative(shape.gfp)
        ]
        if costly and stats.caller not in falls_back and not _seen_falling_back(stats):
            first = min(costly, key=lambda shape: shape.first.event)
            request = describe(run, first.order, first.gfp)
            count = sum(shape.attempted for shape in costly)
            yield RULE.claim(
                stats.caller,
                f"{plural(count, 'request')} above order {PAGE_ALLOC_COSTLY_ORDER} ({request}) "
                "without NORETRY, RETRY_MAYFAIL or a fallback",
                evidence_of(first.first, request),
                repro=command(run),
                path=run.meta.path if run.story.is_story else "",
            )


def _seen_falling_back(stats: CallerStats) -> bool:
    return any(word.startswith("smaller") for word in stats.after_failure)


RULE = Rule(
    code="BS206",
    name="costly-order",
    severity=Severity.WARNING,
    what="Reports requests above order 3 that carry neither __GFP_NORETRY nor "
    "__GFP_RETRY_MAYFAIL, by a caller that has no smaller way.",
    why="Above PAGE_ALLOC_COSTLY_ORDER the allocator gives up early, after reclaim and compaction "
    "that everybody pays for.",
    known_problems="Allocations at boot, when memory is whole, are harmless and look the same.",
    example="alloc table order=6 gfp=GFP_KERNEL",
    use_instead="kvmalloc, a scatter list, or NORETRY with a fallback.",
    references=("catalogue of findings, BS206", "fact sheet 5.2 S10, 5.5"),
    detect=_detect,
)

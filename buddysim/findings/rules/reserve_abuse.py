"""BS208 reserve-abuse."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule, evidence_of
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]

_SHARE_PERCENT = 50
_FEWEST_PAGES = 32
_RESERVE_PERCENT = 10
"""Of the sum of the min marks."""


def _detect(run: RunResult) -> Iterator[Finding]:
    taken = sum(stats.reserve_pages for stats in run.callers)
    reserve = sum(zone.min_pages for zone in run.zones)
    least = max(_FEWEST_PAGES, reserve * _RESERVE_PERCENT // 100)
    for stats in run.callers:
        pages = stats.reserve_pages
        if pages < least or pages * 100 < taken * _SHARE_PERCENT or not stats.shapes:
            continue
        largest = max(stats.shapes, key=lambda shape: shape.attempted << shape.order)
        request = describe(run, largest.order, largest.gfp)
        yield RULE.claim(
            stats.caller,
            f"took {pages} of {taken} pages that anyone took below the min marks "
            f"({pages * 100 // taken} %), mostly by {request}",
            evidence_of(largest.first, request),
            repro=command(run),
            path=run.meta.path if run.story.is_story else "",
        )


RULE = Rule(
    code="BS208",
    name="reserve-abuse",
    severity=Severity.WARNING,
    what=f"Reports a caller that took at least {_FEWEST_PAGES} pages, {_RESERVE_PERCENT} % of the "
    f"min marks and {_SHARE_PERCENT} % of everything taken while a zone was below its min mark.",
    why="The pages below min are kept for those who cannot wait and for those who free memory. A "
    "bulk user of them makes the next interrupt fail.",
    known_problems="The one caller of a small trace has 100 % of everything.",
    example="alloc a gfp=GFP_ATOMIC repeat=500    # from a bulk loader",
    use_instead="GFP_KERNEL from a thread that refills a pool; GFP_NOWAIT where failing is fine.",
    references=("catalogue of findings, BS208", "fact sheet 3.4, 4.6"),
    detect=_detect,
)

"""BS401 mixes-pageblocks."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.replay.outcome import RunResult

__all__ = ["FEWEST_FALLBACKS", "RULE"]

FEWEST_FALLBACKS = 8
"""Fewer than this happen to everybody."""


def _detect(run: RunResult) -> Iterator[Finding]:
    total = sum(stats.extfrag for stats in run.callers)
    for stats in run.callers:
        if stats.extfrag >= FEWEST_FALLBACKS:
            yield RULE.claim(
                stats.caller,
                f"{plural(stats.extfrag, 'fallback')} into pageblocks of another migratetype, of "
                f"{total} in all",
                evidence_of(stats.extfrag_first, "the first such fallback"),
                repro=command(run),
                path=run.meta.path if run.story.is_story else "",
            )


RULE = Rule(
    code="BS401",
    name="mixes-pageblocks",
    severity=Severity.NOTE,
    what=f"Reports a caller whose requests fell back below pageblock order {FEWEST_FALLBACKS} "
    "times or more, which mixes migratetypes within pageblocks.",
    why="One unmovable page in a movable block keeps two megabytes from ever becoming one huge "
    "page again.",
    known_problems="The caller is often innocent: the pages of its own type were used up by "
    "somebody else.",
    example="alloc a gfp=GFP_KERNEL repeat=5000    # on a machine filled with movable pages",
    use_instead="Mark what can move or be reclaimed (__GFP_MOVABLE, __GFP_RECLAIMABLE).",
    references=("catalogue of findings, BS401", "fact sheet 6.3, 6.5"),
    detect=_detect,
)

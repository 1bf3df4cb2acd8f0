"""BS901 never-exercised."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.kernel.constants import PAGE_ALLOC_COSTLY_ORDER
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import CallerStats, RunResult, Shape

__all__ = ["RULE"]

_WAIT = int(Gfp.DIRECT_RECLAIM)
_MAY_GIVE_UP = int(Gfp.NORETRY | Gfp.RETRY_MAYFAIL)


def _may_fail(shape: Shape) -> bool:
    """Can the kernel refuse such a request at all (fact sheet 5.5)?"""
    return (
        not shape.gfp & _WAIT
        or bool(shape.gfp & _MAY_GIVE_UP)
        or shape.order > PAGE_ALLOC_COSTLY_ORDER
    )


def _detect(run: RunResult) -> Iterator[Finding]:
    for stats in run.callers:
        if stats.failed or not stats.attempted:
            continue
        if run.story.is_story or any(_may_fail(shape) for shape in stats.shapes):
            yield _finding(run, stats)


def _finding(run: RunResult, stats: CallerStats) -> Finding:
    first = min(stats.shapes, key=lambda shape: shape.first.event)
    return RULE.claim(
        stats.caller,
        f"no failure reached it in {plural(stats.attempted, 'request')}: "
        "its error path is untested",
        evidence_of(first.first, describe(run, first.order, first.gfp)),
        repro=command(run),
        path=run.meta.path if run.story.is_story else "",
    )


RULE = Rule(
    code="BS901",
    name="never-exercised",
    severity=Severity.NOTE,
    what="Reports a caller that no failure, natural or injected, ever reached. In recordings only "
    "callers whose requests the kernel may refuse.",
    why="Error paths that never ran are where the bugs are.",
    known_problems="A short trace reaches few error paths; that says more about it than about "
    "the caller.",
    example="alloc a gfp=GFP_KERNEL    # and it always works",
    use_instead="Inject: --fault caller=NAME,nth=1, or buddysim explore.",
    references=("catalogue of findings, BS901", "fact sheet 5.5, 11"),
    detect=_detect,
)

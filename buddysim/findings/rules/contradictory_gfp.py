"""BS207 contradictory-gfp."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.kernel.gfp_contradiction import contradictions
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import RunResult, Shape

__all__ = ["RULE"]

_NOFAIL = int(Gfp.NOFAIL)
_HIGH_AND_WAIT = int(Gfp.HIGH | Gfp.DIRECT_RECLAIM)


def _contradiction(shape: Shape, is_story: bool) -> str:
    """What is wrong with a kind of request, in one sentence; empty when nothing is.

    Swap-out asks with __GFP_HIGH and may sleep, so that pair is wrong only where it was written.
    """
    if is_story and shape.gfp & _HIGH_AND_WAIT == _HIGH_AND_WAIT:
        return "an atomic request's reserves (__GFP_HIGH) together with direct reclaim"
    if shape.gfp & _NOFAIL and shape.order > 1:
        return f"NOFAIL with order {shape.order}: only orders 0 and 1 can be promised"
    found = contradictions(shape.gfp)
    return found[0] if found else ""


def _detect(run: RunResult) -> Iterator[Finding]:
    for stats in run.callers:
        told: set[str] = set()
        for shape in sorted(stats.shapes, key=lambda each: each.first.event):
            wrong = _contradiction(shape, run.story.is_story)
            if wrong and wrong not in told:
                told.add(wrong)
                request = describe(run, shape.order, shape.gfp)
                yield RULE.claim(
                    stats.caller,
                    f"{request}: {wrong}; {plural(shape.attempted, 'request')}",
                    evidence_of(shape.first, request),
                    repro=command(run),
                    path=run.meta.path if run.story.is_story else "",
                )


RULE = Rule(
    code="BS207",
    name="contradictory-gfp",
    severity=Severity.WARNING,
    what="Reports masks whose flags contradict each other or the order: NOFAIL without direct "
    "reclaim, with NORETRY or above order 1; HIGHMEM with DMA; and so on.",
    why="The allocator obeys one of the two. Which one differs between kernels.",
    known_problems="The mask in a trace can be weaker than what the caller passed (scoped NOIO and "
    "NOFS sections).",
    example="alloc a gfp=GFP_KERNEL|__GFP_NOFAIL|__GFP_NORETRY",
    use_instead="Decide: may it fail, or may it sleep?",
    references=("catalogue of findings, BS207", "fact sheet 4.5, 5.2"),
    detect=_detect,
)

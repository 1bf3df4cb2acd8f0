"""BS202 needless-atomic."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import CallerStats, RunResult

__all__ = ["RULE"]

_HIGH = int(Gfp.HIGH)
_WAIT = int(Gfp.DIRECT_RECLAIM)
_ENOUGH_OBSERVED = 16
"""Calls of a recorded site before its contexts are called typical."""


def _is_atomic_mask(gfp: int) -> bool:
    return bool(gfp & _HIGH) and not gfp & _WAIT


def _detect(run: RunResult) -> Iterator[Finding]:
    enough = 1 if run.story.is_story else _ENOUGH_OBSERVED
    for stats in run.callers:
        if stats.attempted >= enough and _is_needless(stats):
            yield _finding(run, stats)


def _is_needless(stats: CallerStats) -> bool:
    """Every call with an atomic mask, and every one from process context."""
    return all(_is_atomic_mask(shape.gfp) and shape.context == 0 for shape in stats.shapes)


def _finding(run: RunResult, stats: CallerStats) -> Finding:
    first = min(stats.shapes, key=lambda shape: shape.first.event)
    request = describe(run, first.order, first.gfp)
    reserve = plural(stats.reserve_pages, "reserve page")
    return RULE.claim(
        stats.caller,
        f"no atomic context observed in {plural(stats.attempted, 'call')}, all with atomic masks; "
        f"{reserve} taken below the min mark",
        evidence_of(first.first, f"{request} in process context"),
        repro=command(run),
        path=run.meta.path if run.story.is_story else "",
    )


RULE = Rule(
    code="BS202",
    name="needless-atomic",
    severity=Severity.WARNING,
    what="Reports a site all of whose observed calls had an atomic mask in a context that may "
    "sleep.",
    why="GFP_ATOMIC fails where GFP_KERNEL would have reclaimed, and eats the reserve that "
    "interrupts live on.",
    known_problems="Kernels that do not count preemption hide spinlocks and RCU sections; what was "
    "not observed may still happen.",
    example="@caller probe context=process\nalloc a gfp=GFP_ATOMIC",
    use_instead="GFP_KERNEL, or GFP_NOIO or GFP_NOFS where reclaim must not recurse.",
    references=("catalogue of findings, BS202", "fact sheet 4.6, 5.5"),
    detect=_detect,
)

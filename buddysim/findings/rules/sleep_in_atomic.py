"""BS201 sleep-in-atomic."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import describe, describe_context, is_atomic_context, plural
from buddysim.findings.rule import Rule, evidence_of
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import CallerStats, RunResult, Shape

__all__ = ["RULE"]

_WAIT = int(Gfp.DIRECT_RECLAIM)


def _detect(run: RunResult) -> Iterator[Finding]:
    for stats in run.callers:
        wrong = [
            shape
            for shape in stats.shapes
            if shape.gfp & _WAIT and is_atomic_context(shape.context)
        ]
        if run.story.is_story:
            told: set[int] = set()
            for shape in sorted(wrong, key=lambda each: each.first.event):
                if shape.first.line not in told:
                    told.add(shape.first.line)
                    yield _finding(run, stats, shape, shape.attempted)
        elif wrong:
            first = min(wrong, key=lambda shape: shape.first.event)
            yield _finding(run, stats, first, sum(shape.attempted for shape in wrong))


def _finding(run: RunResult, stats: CallerStats, shape: Shape, count: int) -> Finding:
    request = describe(run, shape.order, shape.gfp)
    where = describe_context(shape.context)
    return RULE.claim(
        stats.caller,
        f"asks with a mask that may sleep ({request}) from {where}, {plural(count, 'time')}",
        evidence_of(shape.first, f"{request} in {where}"),
        repro=command(run),
        path=run.meta.path if run.story.is_story else "",
    )


RULE = Rule(
    code="BS201",
    name="sleep-in-atomic",
    severity=Severity.ERROR,
    what="Reports a request from a context that must not sleep (interrupts off, interrupt, soft "
    "interrupt, preemption off) whose mask allows direct reclaim.",
    why="It works until memory is short; then the allocator sleeps under a spinlock or in an "
    "interrupt, and the machine deadlocks or panics.",
    known_problems="Kernels that do not count preemption show no spinlocks in the flags column: "
    "there, only interrupt contexts can be seen.",
    example="@caller rx context=softirq\nalloc a gfp=GFP_KERNEL",
    use_instead="GFP_ATOMIC or GFP_NOWAIT, or allocate before taking the lock.",
    references=("catalogue of findings, BS201", "fact sheet 4.5, 13.5"),
    detect=_detect,
)

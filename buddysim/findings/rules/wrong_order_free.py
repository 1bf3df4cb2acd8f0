"""BS105 wrong-order-free."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for misuse in run.story.misuses:
        key = (misuse.caller, misuse.line)
        if misuse.operation != "free" or misuse.state != "live" or key in told:
            continue
        told.add(key)
        yield RULE.claim(
            misuse.caller,
            f"{misuse.handle} is freed with an order that does not fit: {misuse.detail}",
            (
                Evidence(misuse.event, misuse.line, misuse.time_ns, misuse.detail),
                Evidence(
                    misuse.earlier_event, misuse.earlier_line, misuse.earlier_time_ns, "allocated"
                ),
            ),
            repro=command(run),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS105",
    name="wrong-order-free",
    severity=Severity.ERROR,
    what="Reports a free whose order differs from the order allocated, and pieces that do not add "
    "up. Freeing a block in pieces that do add up is legal.",
    why="Too small an order loses pages for ever; too large a one frees the neighbour's.",
    known_problems="In recordings a mismatch may come from a missed event; it is counted as "
    "order_mismatch, not reported.",
    example="alloc a order=3\nfree a order=2",
    use_instead="Keep the order beside the pointer, or use compound pages, which know theirs.",
    references=("catalogue of findings, BS105", "fact sheet 1.7"),
    detect=_detect,
)

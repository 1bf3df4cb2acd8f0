"""BS103 double-free."""

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
        if misuse.operation != "free" or misuse.state != "freed" or key in told:
            continue
        told.add(key)
        detail = f" ({misuse.detail})" if misuse.detail else ""
        yield RULE.claim(
            misuse.caller,
            f"{misuse.handle} is freed again{detail}; first on line {misuse.earlier_line}",
            (
                Evidence(misuse.event, misuse.line, misuse.time_ns, "freed again"),
                Evidence(
                    misuse.earlier_event, misuse.earlier_line, misuse.earlier_time_ns, "freed first"
                ),
            ),
            repro=command(run),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS103",
    name="double-free",
    severity=Severity.ERROR,
    what="Reports the free of a handle that is not live any more, and where it was freed first.",
    why="The second free gives away a page that somebody else may own by now: silent corruption "
    "of whoever got it.",
    known_problems="Recorded traces miss frees and allocations, so a page freed twice there proves "
    "nothing; it is counted as reconciled, never reported.",
    example="free a\nfree a",
    use_instead="One owner; clear the pointer where it is freed.",
    references=("catalogue of findings, BS103", "CWE-415"),
    detect=_detect,
)

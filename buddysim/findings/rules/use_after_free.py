"""BS104 use-after-free."""

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
        if misuse.operation != "use" or misuse.state != "freed" or key in told:
            continue
        told.add(key)
        yield RULE.claim(
            misuse.caller,
            f"{misuse.handle} is used after it was freed on line {misuse.earlier_line}",
            (
                Evidence(misuse.event, misuse.line, misuse.time_ns, "used"),
                Evidence(
                    misuse.earlier_event, misuse.earlier_line, misuse.earlier_time_ns, "freed"
                ),
            ),
            repro=command(run),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS104",
    name="use-after-free",
    severity=Severity.ERROR,
    what="Reports the use of a handle after its free.",
    why="The page may already belong to somebody else; reads leak their data, writes destroy it.",
    known_problems="A handle that was dropped or unwound after a failure is gone, not freed: what "
    "the text still says about it is skipped.",
    example="free a\nuse a",
    use_instead="Free last; or hold a reference while using.",
    references=("catalogue of findings, BS104", "CWE-416"),
    detect=_detect,
)

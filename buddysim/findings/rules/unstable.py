"""BS902 unstable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.exploration import Exploration

__all__ = ["RULE", "claims"]


def _detect(_run: RunResult) -> Iterator[Finding]:
    """One run cannot show it: see :func:`claims`."""
    return iter(())


def claims(found: Exploration) -> Iterator[Finding]:
    """Callers whose requests differed between two runs without faults."""
    for caller, how in found.unstable.items():
        line = next((each.line for each in found.points if each.caller == caller), 0)
        yield RULE.claim(
            caller,
            f"two runs without faults allocate differently ({how}): its other findings may not "
            "come back",
            (Evidence(0, line, 0, "its first request"),),
            repro=command(found.baseline),
            path=found.baseline.meta.path,
        )


RULE = Rule(
    code="BS902",
    name="unstable",
    severity=Severity.NOTE,
    what="Reports a caller whose requests differ between two runs without faults. Only explore "
    "can tell.",
    why="The n-th allocation is then another one each time, and a finding cannot be repeated.",
    known_problems="Two runs that happen to agree prove little.",
    example="order = random.randrange(3)",
    use_instead="Seed every random stream; take the time from mm.now_ns.",
    references=("catalogue of findings, BS902",),
    detect=_detect,
)

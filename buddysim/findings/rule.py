"""A rule: permanent code and name, documentation in a fixed order, and its detector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from buddysim.findings.finding import Evidence, Finding, Origin, Severity
from buddysim.replay.outcome import FirstSeen, RunResult

__all__ = ["Rule", "evidence_of"]


@dataclass(frozen=True)
class Rule:
    """One code of the catalogue.  ``detect`` reads outcomes only; it never sees a machine."""

    code: str
    name: str
    """The fault, in kebab form."""
    severity: Severity
    what: str
    why: str
    known_problems: str
    example: str
    use_instead: str
    references: tuple[str, ...]
    detect: Callable[[RunResult], Iterable[Finding]]

    def claim(
        self,
        caller: str,
        message: str,
        evidence: tuple[Evidence, ...],
        *,
        origin: str = "natural",
        plausibility: str = "",
        path: str = "",
        repro: str = "",
    ) -> Finding:
        """A finding of this rule."""
        return Finding(
            code=self.code,
            name=self.name,
            severity=self.severity,
            caller=caller,
            origin=Origin(origin),
            message=message,
            evidence=evidence,
            repro=repro,
            plausibility=plausibility,
            path=path,
        )


def evidence_of(seen: FirstSeen | None, what: str) -> tuple[Evidence, ...]:
    """Evidence at a remembered place; none when nothing was remembered."""
    if seen is None:
        return ()
    return (Evidence(seen.event, seen.line, seen.time_ns, what),)

"""BS110 state-half-updated."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command, command_for_episode
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for violation in run.story.violations:
        key = (violation.caller, violation.line)
        if key in told:
            continue
        told.add(key)
        evidence = [
            Evidence(
                violation.event, violation.line, violation.time_ns, violation.values or "false"
            )
        ]
        origin, plausibility, repro = "natural", "", command(run)
        if violation.episode >= 0:
            episode = run.story.episodes[violation.episode]
            origin, plausibility = episode.origin, episode.plausibility
            repro = command_for_episode(run, episode)
            what = f"{episode.handle} failed"
            evidence.append(Evidence(episode.event, episode.line, episode.time_ns, what))
        yield RULE.claim(
            violation.caller,
            f"declared to hold but does not: {violation.expression}",
            tuple(evidence),
            origin=origin,
            plausibility=plausibility,
            repro=repro,
            path=run.meta.path,
        )


RULE = Rule(
    code="BS110",
    name="state-half-updated",
    severity=Severity.ERROR,
    what="Reports an invariant, declared with expect, that does not hold.",
    why="An error path that stops half way leaves lists, counters and flags that contradict each "
    "other; the crash comes later, somewhere else.",
    known_problems="Only as good as the invariants that are declared.",
    example="expect live_handles == 0",
    use_instead="Change the state last, when nothing can fail any more, or undo it on the way out.",
    references=("catalogue of findings, BS110", "CWE-460"),
    detect=_detect,
)

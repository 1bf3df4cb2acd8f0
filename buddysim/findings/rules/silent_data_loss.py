"""BS107 silent-data-loss."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule
from buddysim.findings.unhandled import is_lost_silently
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        key = (episode.caller, episode.line)
        if not is_lost_silently(run, episode) or key in told:
            continue
        told.add(key)
        request = describe(run, episode.order, episode.gfp)
        yield RULE.claim(
            episode.caller,
            f"{episode.handle} ({request}) failed and was given up: not retried, not replaced, "
            "not counted",
            (Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),),
            origin=episode.origin,
            plausibility=episode.plausibility,
            repro=command_for_episode(run, episode),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS107",
    name="silent-data-loss",
    severity=Severity.ERROR,
    what="Reports a failure after which the caller neither tried again, nor took something else, "
    "nor counted the loss.",
    why="Packets or writes vanish and no counter anywhere says so; days are lost looking for it.",
    known_problems="A caller that counts under another name in the same breath is seen only when "
    "the trace has the count.",
    example="alloc rx0 order=2 gfp=GFP_ATOMIC else=silent-drop",
    use_instead="else=drop: drop and count (rx_dropped and the like).",
    references=("catalogue of findings, BS107", "CWE-223"),
    detect=_detect,
)

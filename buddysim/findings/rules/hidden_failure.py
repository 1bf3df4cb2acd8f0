"""BS302 hidden-failure."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule
from buddysim.findings.unhandled import is_by_design, is_hidden
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        key = (episode.caller, episode.line)
        if not is_hidden(run, episode) or is_by_design(episode) or key in told:
            continue
        told.add(key)
        request = describe(run, episode.order, episode.gfp)
        yield RULE.claim(
            episode.caller,
            f"{episode.handle} ({request}) failed without a warning, was not replaced and not "
            "counted: nothing anywhere tells of it",
            (Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),),
            origin=episode.origin,
            plausibility=episode.plausibility,
            repro=command_for_episode(run, episode),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS302",
    name="hidden-failure",
    severity=Severity.ERROR,
    what="Reports a request with __GFP_NOWARN that failed, was not recovered from, and was not "
    "counted.",
    why="The quiet bug: no log line, no counter, only a service that misbehaves under load.",
    known_problems="In recordings a counter is invisible, so only hand-written traces and Python "
    "callers are judged.",
    example="alloc a gfp=GFP_ATOMIC|__GFP_NOWARN else=ignore",
    use_instead="Count what NOWARN silences; or leave NOWARN off where there is no fallback.",
    references=("catalogue of findings, BS302", "fact sheet 10.4"),
    detect=_detect,
)

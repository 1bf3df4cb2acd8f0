"""BS106 swallowed-failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule
from buddysim.findings.unhandled import is_swallowed
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Episode

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        if is_swallowed(run, episode) and (episode.caller, episode.line) not in told:
            told.add((episode.caller, episode.line))
            yield _finding(run, episode)


def _finding(run: RunResult, episode: Episode) -> Finding:
    request = describe(run, episode.order, episode.gfp)
    evidence = [Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed")]
    name = "its work"
    if episode.transaction >= 0:
        fact = run.story.transactions[episode.transaction]
        name = fact.name
        evidence.append(Evidence(fact.end_event, fact.end_line, fact.end_time_ns, "ends ok"))
    return RULE.claim(
        episode.caller,
        f"{name} ends ok although {episode.handle} ({request}) could not be allocated",
        tuple(evidence),
        origin=episode.origin,
        plausibility=episode.plausibility,
        repro=command_for_episode(run, episode),
        path=run.meta.path,
    )


RULE = Rule(
    code="BS106",
    name="swallowed-failure",
    severity=Severity.ERROR,
    what="Reports a caller that ends its work as a success although an allocation in it failed and "
    "nothing took its place.",
    why="Whoever called it believes that the work is done. The damage shows up elsewhere, later.",
    known_problems="An allocation that was only an optimisation (a cache, a read-ahead) may be "
    "swallowed by design: count it, or allow BS106 for the caller with a reason.",
    example="begin t\nalloc a else=succeed",
    use_instead="Return the error, or fall back and then succeed.",
    references=("catalogue of findings, BS106", "CWE-391"),
    detect=_detect,
)

"""BS203 retry-storm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command, command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule, evidence_of
from buddysim.replay.outcome import CallerStats, RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Episode

__all__ = ["RULE", "STORM_LENGTH"]

STORM_LENGTH = 16
"""Failures in a row, nothing else between them."""


def _detect(run: RunResult) -> Iterator[Finding]:
    if not run.story.is_story:
        for stats in run.callers:
            if stats.longest_failure_streak >= STORM_LENGTH and not stats.declared:
                yield _observed(run, stats)
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        key = (episode.caller, episode.line)
        storm = episode.endless or (
            episode.attempts >= STORM_LENGTH and episode.resolution != "retried"
        )
        if storm and key not in told:
            told.add(key)
            yield _declared(run, episode)


def _declared(run: RunResult, episode: Episode) -> Finding:
    request = describe(run, episode.order, episode.gfp)
    end = "and would go on for ever" if episode.endless else "in a row"
    return RULE.claim(
        episode.caller,
        f"{episode.handle} ({request}) fails {episode.attempts} times {end}",
        (Evidence(episode.event, episode.line, episode.time_ns, "the first failure of them"),),
        origin=episode.origin,
        plausibility=episode.plausibility,
        repro=command(run) if run.config.faults else command_for_episode(run, episode),
        path=run.meta.path,
    )


def _observed(run: RunResult, stats: CallerStats) -> Finding:
    request = describe(run, stats.streak_order, stats.streak_gfp)
    rows = [row for row in run.failures if row.caller == stats.caller]
    return RULE.claim(
        stats.caller,
        f"{stats.longest_failure_streak} failures of {request} in a row, "
        "no other request of this caller between them",
        evidence_of(stats.streak_first, "the first failure of them"),
        origin=rows[0].origin if rows else "natural",
        repro=command(run),
    )


RULE = Rule(
    code="BS203",
    name="retry-storm",
    severity=Severity.ERROR,
    what=f"Reports {STORM_LENGTH} failures in a row of the same caller, order and mask without any "
    "progress between them, and retries that never stop.",
    why="A loop that repeats what cannot work burns a CPU, keeps its locks, and starves those who "
    "could have freed memory.",
    known_problems="In recordings a caller that serves many unrelated tasks may fail that often "
    "for as many reasons. A retry that works in the end is not reported.",
    example="alloc a order=3 else=retry:0",
    use_instead="A bounded number of retries with a pause, then an error; or __GFP_NOFAIL for an "
    "order-0 request that truly must not fail.",
    references=("catalogue of findings, BS203", "fact sheet 5.3"),
    detect=_detect,
)

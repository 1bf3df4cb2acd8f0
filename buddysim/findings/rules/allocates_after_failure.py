"""BS210 allocates-after-failure."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        key = (episode.caller, episode.line)
        if episode.allocated_next < 0 or episode.has_fallback or episode.smaller_succeeded:
            continue
        if key in told:
            continue
        told.add(key)
        request = describe(run, episode.order, episode.gfp)
        yield RULE.claim(
            episode.caller,
            f"goes on to allocate more after {episode.handle} ({request}) failed",
            (
                Evidence(
                    episode.allocated_next,
                    episode.allocated_next_line,
                    episode.time_ns,
                    "the next allocation of the same work",
                ),
                Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),
            ),
            origin=episode.origin,
            plausibility=episode.plausibility,
            repro=command_for_episode(run, episode),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS210",
    name="allocates-after-failure",
    severity=Severity.NOTE,
    what="Reports a transaction whose next operation after a failed allocation is another "
    "allocation, when no fallback was declared.",
    why="Usually the result is checked too late, or not at all; and more is asked for just when "
    "there is none.",
    known_problems="Asking for everything first and checking once afterwards is a legal style.",
    example="begin t\nalloc a else=ignore\nalloc b",
    use_instead="Check after each allocation, or declare the fallback.",
    references=("catalogue of findings, BS210",),
    detect=_detect,
)

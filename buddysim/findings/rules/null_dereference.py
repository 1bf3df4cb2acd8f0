"""BS101 null-dereference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Misuse

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for misuse in run.story.misuses:
        if misuse.state == "failed" and (misuse.caller, misuse.line) not in told:
            told.add((misuse.caller, misuse.line))
            yield _finding(run, misuse)


def _finding(run: RunResult, misuse: Misuse) -> Finding:
    episode = run.story.episodes[misuse.episode]
    request = describe(run, episode.order, episode.gfp)
    deed = "used" if misuse.operation == "use" else "freed, where NULL is not accepted,"
    return RULE.claim(
        misuse.caller,
        f"{misuse.handle} is {deed} although its allocation ({request}) failed",
        (
            Evidence(misuse.event, misuse.line, misuse.time_ns, f"{misuse.operation} of NULL"),
            Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),
        ),
        origin=episode.origin,
        plausibility=episode.plausibility,
        repro=command_for_episode(run, episode),
        path=run.meta.path,
    )


RULE = Rule(
    code="BS101",
    name="null-dereference",
    severity=Severity.ERROR,
    what="Reports an operation on a handle whose allocation failed: a use, or a free through an "
    "interface that does not accept NULL.",
    why="In the kernel this is an oops, in a driver's softirq often the end of the machine; with "
    "a page mapped at address 0 it has been a way to privileges.",
    known_problems="Uses that a recorded kernel trace does not show cannot be judged; only "
    "hand-written traces and Python callers carry them.",
    example="alloc rx0 order=2 gfp=GFP_ATOMIC else=ignore\nuse rx0",
    use_instead="Check the result where it is asked for, and drop and count, fall back to a "
    "smaller order, or return an error.",
    references=("catalogue of findings, BS101", "CWE-476", "CWE-690"),
    detect=_detect,
)

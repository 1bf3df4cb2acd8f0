"""BS108 wrong-error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command, command_for_episode
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Episode, TransactionFact

__all__ = ["RULE"]

_USUAL = ("ENOMEM", "ENOBUFS", "EAGAIN")


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for fact in run.story.transactions:
        good = {"", "ok", *_USUAL, *fact.declared_errors}
        key = (fact.caller, fact.end_line)
        if fact.crash and not fact.episodes and key not in told:
            told.add(key)
            yield _crash(run, fact)
        if fact.episodes and fact.status not in good and key not in told:
            told.add(key)
            episode = run.story.episodes[fact.episodes[-1]]
            where = Evidence(
                fact.end_event, fact.end_line, fact.end_time_ns, f"ends with {fact.status}"
            )
            yield _finding(run, episode, fact.status, where)
    for episode in run.story.episodes:
        good = {"", *_USUAL, *episode.declared_errors}
        key = (episode.caller, episode.line)
        if episode.transaction < 0 and episode.errno not in good and key not in told:
            told.add(key)
            where = Evidence(
                episode.event, episode.line, episode.time_ns, f"returns {episode.errno}"
            )
            yield _finding(run, episode, episode.errno, where)


def _crash(run: RunResult, fact: TransactionFact) -> Finding:
    """A Python caller broke without any failure to blame."""
    where = Evidence(fact.end_event, fact.end_line, fact.end_time_ns, fact.crash)
    message = f"breaks with {fact.crash}, although no allocation of its failed"
    return RULE.claim(fact.caller, message, (where,), repro=command(run), path=run.meta.path)


def _finding(run: RunResult, episode: Episode, status: str, where: Evidence) -> Finding:
    failed = Evidence(episode.event, episode.line, episode.time_ns, f"{episode.handle} failed")
    return RULE.claim(
        episode.caller,
        f"lack of memory is reported as {status}, which this caller does not declare",
        (where, failed) if where.event != failed.event else (where,),
        origin=episode.origin,
        plausibility=episode.plausibility,
        repro=command_for_episode(run, episode),
        path=run.meta.path,
    )


RULE = Rule(
    code="BS108",
    name="wrong-error",
    severity=Severity.WARNING,
    what="Reports work that ends, after a failed allocation, with an error other than ENOMEM, "
    "ENOBUFS, EAGAIN or one the caller declares.",
    why="Callers further up decide by the error: EIO takes a disk out of its array, ENOMEM would "
    "have been tried again.",
    known_problems="Some interfaces have their own tradition (ENFILE for pipes, ENOSPC on tmpfs): "
    "declare it with errors=.",
    example="alloc b0 gfp=GFP_NOIO|__GFP_NORETRY else=error:EIO",
    use_instead="error:ENOMEM, or @caller NAME errors=EIO when it is the contract.",
    references=("catalogue of findings, BS108", "CWE-393"),
    detect=_detect,
)

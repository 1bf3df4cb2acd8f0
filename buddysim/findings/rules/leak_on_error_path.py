"""BS102 leak-on-error-path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command_for_episode
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import TransactionFact

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for fact in run.story.transactions:
        if fact.leaked and fact.episodes and (fact.caller, fact.end_line) not in told:
            told.add((fact.caller, fact.end_line))
            yield _finding(run, fact)


def _finding(run: RunResult, fact: TransactionFact) -> Finding:
    episode = run.story.episodes[fact.episodes[-1]]
    request = describe(run, episode.order, episode.gfp)
    members = ", ".join(fact.leaked)
    held = plural(fact.leaked_pages, "page")
    return RULE.claim(
        fact.caller,
        f"{fact.name} ends with {fact.status} while {members} ({held}) is still allocated"
        if len(fact.leaked) == 1
        else f"{fact.name} ends with {fact.status} while {members} ({held}) are still allocated",
        (
            Evidence(fact.end_event, fact.end_line, fact.end_time_ns, f"ends with {fact.status}"),
            Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),
            Evidence(fact.event, fact.line, fact.time_ns, f"{fact.name} begins"),
        ),
        origin=episode.origin,
        plausibility=episode.plausibility,
        repro=command_for_episode(run, episode),
        path=run.meta.path,
    )


RULE = Rule(
    code="BS102",
    name="leak-on-error-path",
    severity=Severity.ERROR,
    what="Groups allocations by transaction; after a failure, reports members that are still live "
    "when the transaction ends with an error.",
    why="Error paths run when memory is short. Leaking there makes the shortage permanent, a few "
    "pages at a time.",
    known_problems="Members handed over to somebody else before the end look leaked; end the "
    "transaction after the hand-over, or allow BS102 for the caller.",
    example="begin t\nalloc a\nalloc b order=3 else=error:ENOMEM    # a is still live",
    use_instead="Unwind in reverse order: else=unwind,error:ENOMEM.",
    references=("catalogue of findings, BS102", "CWE-401", "CWE-772"),
    detect=_detect,
)

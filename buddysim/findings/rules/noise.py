"""BS301 noise."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command, command_for_episode
from buddysim.findings.request import describe, plural
from buddysim.findings.rule import Rule
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import CallerStats, RunResult
from buddysim.units import format_duration

__all__ = ["RULE"]

_NOWARN = int(Gfp.NOWARN)


def _detect(run: RunResult) -> Iterator[Finding]:
    if not run.story.is_story:
        for stats in run.callers:
            audible = stats.warned + stats.suppressed
            if audible and stats.after_failure.get("smaller-succeeded") and not stats.declared:
                yield _observed(run, stats)
    told: set[tuple[str, int]] = set()
    for episode in run.story.episodes:
        replaced = episode.smaller_succeeded or episode.resolution in {"fallback", "vmalloc"}
        audible = not episode.gfp & _NOWARN and episode.origin != "injected"
        if not replaced or not audible or (episode.caller, episode.line) in told:
            continue
        told.add((episode.caller, episode.line))
        request = describe(run, episode.order, episode.gfp)
        yield RULE.claim(
            episode.caller,
            f"{episode.handle} ({request}) failed with a warning although its fallback worked",
            (Evidence(episode.event, episode.line, episode.time_ns, f"{request} failed"),),
            origin=episode.origin,
            plausibility=episode.plausibility,
            repro=command_for_episode(run, episode),
            path=run.meta.path,
        )


def _observed(run: RunResult, stats: CallerStats) -> Finding:
    rows = [row for row in run.failures if row.caller == stats.caller]
    count = stats.after_failure["smaller-succeeded"]
    within = format_duration(stats.after_failure_max_ns)
    evidence = tuple(
        Evidence(row.event, row.line, row.time_ns, describe(run, row.order, row.gfp))
        for row in rows[:3]
    )
    return RULE.claim(
        stats.caller,
        f"{plural(stats.failed, 'failure')}, {count} followed by a smaller success "
        f"within {within}; "
        f"{plural(stats.warned + stats.suppressed, 'warning')} told nobody anything",
        evidence,
        origin=rows[0].origin if rows else "natural",
        repro=command(run),
    )


RULE = Rule(
    code="BS301",
    name="noise",
    severity=Severity.NOTE,
    what="Reports a failure without __GFP_NOWARN after which a fallback succeeded.",
    why="A page of log for something that worked teaches people to ignore the log, and uses up the "
    "rate limit that a real problem needs.",
    known_problems="Injected failures print no warning of the allocator, so they are never noise.",
    example="alloc a order=3 gfp=GFP_KERNEL|__GFP_NORETRY else=fallback:0",
    use_instead="__GFP_NOWARN on the attempt that has a fallback, not on the fallback.",
    references=("catalogue of findings, BS301", "fact sheet 10.4"),
    detect=_detect,
)

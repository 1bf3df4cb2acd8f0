"""One log in, every report explained: cause, verdict, replayed decision, advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from buddysim.explain.advice import Advice, advise
from buddysim.explain.asked import Asked, read_asked
from buddysim.explain.caller import caller_of_report
from buddysim.explain.cause import Cause, find_cause
from buddysim.explain.look import ZoneLook, look_at_zones
from buddysim.explain.rebuild import Replayed, replay_request
from buddysim.explain.verdict import Verdict, judge
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["Explanation", "explain_reports"]

_REPLAYABLE = frozenset({"page_alloc", "vmalloc", "oom"})
_NEAR_LINES = 150
_SLAB_KINDS = frozenset({"slub", "slab"})


@dataclass(frozen=True)
class Explanation:
    """Everything said about one report."""

    report: FailureReport
    asked: Asked
    caller: str | None
    looks: tuple[ZoneLook, ...]
    cause: Cause
    verdict: Verdict
    replayed: Replayed | None
    advice: tuple[Advice, ...]


def explain_reports(
    reports: Iterable[FailureReport], profile: str | None = None, *, replays: int = 3
) -> Iterator[Explanation]:
    """Explain reports in the order of their headers.  Raises ConfigError for a bad profile.

    A slab warning carries no memory dump; it takes the cause of the page allocation failure that
    stands around or right before it.  Of reports alike in caller, order and mask the first
    ``replays`` are put to the rebuilt machine.
    """
    last: Explanation | None = None
    seen: Counter[tuple[str | None, int | None, str | None]] = Counter()
    for report in reports:
        alike = (caller_of_report(report), report.order, report.mode)
        seen[alike] += 1
        explained = _explain(report, profile, may_replay=seen[alike] <= replays)
        if report.kind in _SLAB_KINDS:
            if last is not None and report.line - last.report.last_line <= _NEAR_LINES:
                explained = _inherit(explained, last)
        else:
            last = explained
        yield explained


def _explain(report: FailureReport, profile: str | None, *, may_replay: bool) -> Explanation:
    asked = read_asked(report, profile)
    looks = look_at_zones(report, asked)
    cause = find_cause(report, asked, looks)
    is_page_request = report.kind in _REPLAYABLE and report.order is not None
    replayed = replay_request(report, asked) if is_page_request and may_replay else None
    return Explanation(
        report=report,
        asked=asked,
        caller=caller_of_report(report),
        looks=tuple(looks),
        cause=cause,
        verdict=judge(report, asked, cause),
        replayed=replayed,
        advice=advise(report, asked, cause, replayed),
    )


def _inherit(slab: Explanation, owner: Explanation) -> Explanation:
    if owner.cause.name in {"unknown", "injected", "impossible-order"}:
        return slab
    cause = replace(
        owner.cause,
        confidence=round(owner.cause.confidence * 0.9, 2),
        lines=(slab.report.line, *owner.cause.lines),
        reason=f"as the page allocation failure of line {owner.report.line}: {owner.cause.reason}",
    )
    return replace(slab, cause=cause, verdict=judge(slab.report, slab.asked, cause))

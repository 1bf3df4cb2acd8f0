"""What happens to a failed request in the outcome: its row, its warning, its plausibility."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buddysim.mm.cause import try_zone
from buddysim.mm.failure import Failure, ZoneTry
from buddysim.mm.request import Request
from buddysim.replay.failure_row import FailureRow, ZoneLook
from buddysim.replay.outcome import FirstSeen

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["FailedRequest", "explain_unasked", "report_failure"]


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """Who asked for what, where in the trace, and why it was refused."""

    seen: FirstSeen
    caller: int
    task: int
    stack: int
    request: Request
    failure: Failure
    origin: str
    nth_of_caller: int


def report_failure(run: Run, failed: FailedRequest) -> FailureRow:
    """Count, warn and record one failure; the row (kept only up to the configured limit)."""
    request, failure, seen = failed.request, failed.failure, failed.seen
    zones, plausibility = failure.zones, ""
    if failed.origin == "injected":
        from buddysim.fault.plausibility import assess_plausibility

        zones = _look_at_zones(run, request)
        plausibility = assess_plausibility(request.order, request.gfp, zones).sentence
    cause = "injected" if failed.origin == "injected" else failure.cause
    run.tally.failed(failed.caller, request.order, request.gfp, failed.origin, cause, seen)
    if run.below_min():
        run.tally.repeated_below_min(failed.caller, seen)
    holders, in_the_way = run.holders.look(request, failure.cause)
    row = FailureRow(
        event=seen.event,
        line=seen.line,
        time_ns=seen.time_ns,
        caller=run.tables.callers[failed.caller],
        task=run.tables.tasks[failed.task],
        order=request.order,
        gfp=request.gfp,
        context=request.context,
        cause=cause,
        origin=failed.origin,
        warned=run.desk.failed(failed),
        plausibility=plausibility,
        nth_of_caller=failed.nth_of_caller,
        zones=tuple(_look(zone) for zone in zones),
        holders=holders,
        in_the_way=in_the_way,
    )
    if len(run.result.failures) < run.config.max_failures:
        run.result.failures.append(row)
    else:
        run.result.failures_dropped += 1
    return row


def explain_unasked(run: Run, request: Request) -> Failure:
    """Why the machine as it stands would refuse a request; nothing changes."""
    return run.machine.explain(request, run.machine.flags_of(request))


def _look_at_zones(run: Run, request: Request) -> tuple[ZoneTry, ...]:
    machine = run.machine
    flags = machine.flags_of(request)
    allowed = machine.allocator.zonelist_of(request.gfp, request.node)
    return tuple(try_zone(zone, request, flags) for zone in allowed if zone.managed)


def _look(zone: ZoneTry) -> ZoneLook:
    return ZoneLook(
        zone.name,
        zone.node,
        zone.free,
        zone.mark,
        zone.reserve,
        zone.unusable,
        zone.missing,
        zone.verdict,
    )

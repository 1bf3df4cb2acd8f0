"""The warning desk: every failure passes here on its way into the log, or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from buddysim.fault.plan import FaultDecision
from buddysim.mm.machine import Machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.outcome import CallerStats, WarningSummary
from buddysim.source.event import Tables
from buddysim.warn.policy import Warner

if TYPE_CHECKING:
    from buddysim.replay.failure import FailedRequest
    from buddysim.warn.failed import FailedAllocation
    from buddysim.warn.report_input import ReportInput

__all__ = ["WarningDesk"]

_KBYTES_PER_PAGE = 4


class WarningDesk:
    """Tells the warning policy of every failure and sums up by caller what became of it."""

    def __init__(
        self, machine: Machine, tables: Tables, config: ReplayConfig, summary: WarningSummary
    ) -> None:
        self._machine = machine
        self._summary = summary
        self._tables = tables
        self._fates: dict[str, dict[str, int]] = {}
        self._last_printed = ""
        minimum = sum(zone.mark_min for zone in machine.zones) * _KBYTES_PER_PAGE
        self._warner = Warner(
            config.warn,
            machine.profile,
            min_free_kbytes=machine.sysctl.min_free_kbytes or minimum,
            has_dma=any(zone.name == "DMA" and zone.managed for zone in machine.zones),
        )
        summary.policy = config.warn

    def failed(self, failed: FailedRequest) -> str:
        """``printed``, ``suppressed``, ``nowarn`` or ``none``."""
        told = self._as_told(failed)
        fate = self._warner.failed(told, lambda: self._view(told))
        fates = self._fates.setdefault(told.caller, {})
        fates[fate] = fates.get(fate, 0) + 1
        if fate == "printed":
            self._last_printed = told.caller
        elif fate == "suppressed" and self._last_printed not in {"", told.caller}:
            hidden = self._summary.hidden_by.setdefault(self._last_printed, {})
            hidden[told.caller] = hidden.get(told.caller, 0) + 1
        return fate

    def _view(self, told: FailedAllocation) -> ReportInput:
        # Most runs print no report; its parts are many.
        from buddysim.warn.machine_report import report_input

        return report_input(self._machine, told)

    def _as_told(self, failed: FailedRequest) -> FailedAllocation:
        from buddysim.warn.failed import FailedAllocation

        task = self._tables.tasks[failed.task]
        name, dash, pid = task.rpartition("-")
        has_pid = bool(dash) and pid.isdecimal()
        request = failed.request
        return FailedAllocation(
            order=request.order,
            gfp=request.gfp,
            caller=self._tables.callers[failed.caller],
            comm=name if has_pid else task,
            cause=failed.failure.cause,
            time_ns=failed.seen.time_ns,
            pid=int(pid) if has_pid else 0,
            cpu=request.cpu,
            context=request.context,
            injected=failed.origin == "injected",
            frames=self._tables.stacks[failed.stack],
            zones=failed.failure.zones,
        )

    def injection(self, decision: FaultDecision) -> None:
        """The injector's own message."""
        self._warner.injection(decision.message)

    def finish(self, callers: Sequence[CallerStats]) -> None:
        """Book the counts on the callers and in the summary."""
        totals, summary = self._warner.totals, self._summary
        summary.emitted = totals.emitted
        summary.suppressed_by_ratelimit = totals.suppressed_by_ratelimit
        summary.suppressed_by_nowarn = totals.suppressed_by_nowarn
        summary.counts = self._warner.counters.rows()
        summary.lines = totals.lines
        summary.lines_dropped = totals.lines_dropped
        for stats in callers:
            fates = self._fates.get(stats.caller, {})
            stats.warned = fates.get("printed", 0)
            stats.suppressed = fates.get("suppressed", 0)
            stats.nowarn = fates.get("nowarn", 0)
            if stats.warned:
                summary.by_caller[stats.caller] = stats.warned
            if stats.suppressed:
                summary.suppressed_by_caller[stats.caller] = stats.suppressed

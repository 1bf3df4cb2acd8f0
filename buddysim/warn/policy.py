"""Warning policies: what a failure prints, and the books kept about all of them.

``kernel``: the era's own report, rate limited.  ``gentle``: a friendly line, advice once failures
persist (``warn.gentle``).  ``counters``: nothing is printed, everything counted.  ``silent``:
nothing at all but totals.  __GFP_NOWARN is looked at first and uses up no budget (10.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from buddysim.errors import ConfigError
from buddysim.kernel.constants import MAX_PAGE_ORDER
from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.profile import Profile
from buddysim.warn.counters import FailureCount, FailureCounters
from buddysim.warn.gentle import QUIET_NS, gentle_lines
from buddysim.warn.ratelimit import DEFAULT_HZ, Window, jiffies_of, page_warning_limit

if TYPE_CHECKING:
    from buddysim.warn.failed import FailedAllocation
    from buddysim.warn.report_input import ReportInput

__all__ = ["POLICIES", "Fate", "WarnTotals", "Warner"]

POLICIES = ("counters", "gentle", "kernel", "silent")
Fate = Literal["printed", "suppressed", "nowarn", "none"]
"""What became of one failure's warning; ``none``: the policy or the kernel prints nothing."""

_NOWARN = int(Gfp.NOWARN)
_DMA = int(Gfp.DMA)
_QUIET_DMA_SINCE = (5, 0)
"""5.17 in truth; the row that holds since 5.0 was read in 6.1 (10.4)."""


@dataclass
class WarnTotals:
    """What a policy printed and kept to itself."""

    policy: str
    emitted: int = 0
    suppressed_by_ratelimit: int = 0
    suppressed_by_nowarn: int = 0
    lines: list[str] = field(default_factory=list)
    """The log, at most as long as the warner was told to keep."""
    lines_dropped: int = 0


class Warner:
    """One run's warnings.  Raises ConfigError for an unknown policy.

    ``hz``: ticks per second of the simulated kernel.  ``has_dma``: the machine has memory in zone
    DMA.  ``max_lines``: log lines kept; more are only counted.
    """

    def __init__(
        self,
        policy: str,
        profile: Profile,
        *,
        hz: int = DEFAULT_HZ,
        min_free_kbytes: int = 0,
        has_dma: bool = True,
        max_lines: int = 2000,
    ) -> None:
        if policy not in POLICIES:
            raise ConfigError(f"warning policy {policy!r}", expected=", ".join(POLICIES))
        self.totals = WarnTotals(policy)
        self.counters = FailureCounters()
        self.limit = page_warning_limit(profile, hz)
        self._policy = policy
        self._profile = profile
        self._hz = hz
        self._min_free_kbytes = min_free_kbytes
        self._quiet_dma = not has_dma and profile.since >= _QUIET_DMA_SINCE
        self._max_lines = max_lines
        self._too_big_told = False

    def failed(self, failed: FailedAllocation, view: Callable[[], ReportInput]) -> Fate:
        """Account for one failure.  ``view`` is only called when a report is printed.  O(1)."""
        row = None
        if self._policy != "silent":
            row = self._count(failed)
        if failed.gfp & _NOWARN:
            self.totals.suppressed_by_nowarn += 1
            if row is not None:
                row.nowarn += 1
            return "nowarn"
        if row is None or self._policy == "counters" or failed.injected:
            return "none"
        fate = self._gentle(failed, row) if self._policy == "gentle" else self._kernel(failed, view)
        if fate == "printed":
            self.totals.emitted += 1
            row.printed += 1
        elif fate == "suppressed":
            self.totals.suppressed_by_ratelimit += 1
            row.suppressed += 1
        return fate

    def injection(self, message: Sequence[str]) -> None:
        """Log the fault injector's own message; counters and silent print nothing."""
        if self._policy in {"kernel", "gentle"}:
            self._print(message)

    def _count(self, failed: FailedAllocation) -> FailureCount:
        row = self.counters.row_of(failed)
        if row.failed and failed.time_ns - row.last_ns > QUIET_NS:
            row.streak = 0
            row.first_ns = failed.time_ns
        row.failed += 1
        row.streak += 1
        row.last_ns = failed.time_ns
        return row

    def _gentle(self, failed: FailedAllocation, row: FailureCount) -> Fate:
        lines = gentle_lines(
            failed, row, era=self._profile.gfp_era, min_free_kbytes=self._min_free_kbytes
        )
        self._print(lines)
        return "printed" if lines else "suppressed"

    def _kernel(self, failed: FailedAllocation, view: Callable[[], ReportInput]) -> Fate:
        if failed.order > MAX_PAGE_ORDER:
            return self._too_big(failed)
        now = jiffies_of(failed.time_ns, self._hz)
        allowed, kept_back = self.limit.ask(now)
        if kept_back:
            self._print([self._profile.suppressed_text.format(n=kept_back)])
        if not allowed:
            return "suppressed"
        if failed.gfp & _DMA and self._quiet_dma:
            return "none"
        self._report(view(), now)
        return "printed"

    @cached_property
    def _dump_limit(self) -> Window | None:
        from buddysim.kernel.failure_report import layout_of

        once_a_second = layout_of(self._profile.name).dump_once_a_second
        return Window(self._hz, 1) if once_a_second else None

    def _report(self, view: ReportInput, now: int) -> None:
        # Most runs print no report; its layouts are many.
        from buddysim.warn.failure_report import call_trace, first_line, memory_dump

        lines = [*first_line(view, self._profile), *call_trace(view, self._profile)]
        if self._dump_limit is None or self._dump_limit.ask(now).allowed:
            lines += memory_dump(view, self._profile)
        self._print(lines)

    def _too_big(self, failed: FailedAllocation) -> Fate:
        """An impossible order is a bug of the caller: a WARNING once, never a report (10.4)."""
        if self._too_big_told:
            return "none"
        self._too_big_told = True
        self._print(
            [
                f"WARNING: CPU: {failed.cpu} PID: {failed.pid} at mm/page_alloc.c __alloc_pages",
                f"order {failed.order} is more than {MAX_PAGE_ORDER}: {failed.caller}",
            ]
        )
        return "printed"

    def _print(self, lines: Sequence[str]) -> None:
        room = self._max_lines - len(self.totals.lines)
        self.totals.lines.extend(lines[: max(room, 0)])
        self.totals.lines_dropped += max(len(lines) - max(room, 0), 0)

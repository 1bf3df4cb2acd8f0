"""What a replay found out: plain data, no machine, everything rules and reports may read."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from buddysim.mm.fragmentation import fragmentation_index, unusable_free_indexes
from buddysim.replay.config import ReplayConfig
from buddysim.replay.looks import Looks, Occupancy, Sample
from buddysim.replay.story_facts import StoryFacts
from buddysim.source.event import TraceMeta
from buddysim.warn.counters import FailureCount

if TYPE_CHECKING:
    from buddysim.replay.failure_row import FailureRow
    from buddysim.source.event import EventBatch

__all__ = [
    "CallerStats",
    "FirstSeen",
    "RunResult",
    "Shape",
    "Totals",
    "WarningSummary",
    "ZoneFacts",
]


class FirstSeen(NamedTuple):
    """Where something was first met."""

    event: int
    line: int
    time_ns: int

    @classmethod
    def in_row(cls, batch: EventBatch, row: int) -> FirstSeen:
        """In a row of a batch."""
        return cls(batch.first + row, batch.line[row], batch.time_ns[row])


class Shape(NamedTuple):
    """Requests of one caller that look alike: canonical mask, order, context bits."""

    order: int
    gfp: int
    context: int
    attempted: int
    first: FirstSeen


@dataclass(slots=True)
class CallerStats:
    """One caller's account.  ``failed`` counts requests, not retries within one request."""

    caller: str
    attempted: int = 0
    succeeded: int = 0
    failed_natural: int = 0
    failed_injected: int = 0
    failed_observed: int = 0
    failed_by_cause: dict[str, int] = field(default_factory=dict)
    warned: int = 0
    suppressed: int = 0
    nowarn: int = 0
    pages: int = 0
    """Pages allocated over the whole run."""
    live_pages: int = 0
    """Pages still held at the end."""
    peak_live_pages: int = 0
    """Largest holding seen at a failure of anybody, or at the end."""
    reserve_pages: int = 0
    """Pages taken from a zone whose free pages were below its min mark afterwards."""
    extfrag: int = 0
    """Fallbacks below pageblock order that this caller's requests caused."""
    extfrag_first: FirstSeen | None = None
    longest_failure_streak: int = 0
    """Failures in a row of one order and mask, nothing else of this caller between them."""
    streak_first: FirstSeen | None = None
    streak_order: int = 0
    streak_gfp: int = 0
    retries_below_min_per_s: int = 0
    """Most failed repetitions within one second while a zone was below its min mark."""
    retries_first: FirstSeen | None = None
    after_failure: dict[str, int] = field(default_factory=dict)
    """What this caller did next, after how many failures: ``smaller-succeeded``,
    ``smaller-failed``, ``same-succeeded``, ``same-failed``, ``larger-succeeded``,
    ``larger-failed``, ``freed``, ``nothing``."""
    after_failure_max_ns: int = 0
    """Longest delay between a failure and the smaller success that followed it."""
    spoiled_failures: int = 0
    """Failures of others while this caller held the most pages."""
    spoiled_first: FirstSeen | None = None
    shapes: list[Shape] = field(default_factory=list)
    allow: dict[str, str] = field(default_factory=dict)
    """Findings this caller is declared to be allowed, with the reason."""
    declared: bool = False
    """A script or a callers file says what this caller does when an allocation fails."""

    @property
    def failed(self) -> int:
        """Failures of every origin."""
        return self.failed_natural + self.failed_injected + self.failed_observed

    @property
    def origin(self) -> str:
        """Where its failures come from: "injected" when none would have been there otherwise."""
        if self.failed_natural:
            return "natural"
        return "observed" if self.failed_observed else "injected"

    @property
    def contexts(self) -> int:
        """Every context bit seen."""
        bits = 0
        for shape in self.shapes:
            bits |= shape.context
        return bits

    @property
    def orders(self) -> dict[int, int]:
        """order -> requests."""
        counts: dict[int, int] = {}
        for shape in self.shapes:
            counts[shape.order] = counts.get(shape.order, 0) + shape.attempted
        return dict(sorted(counts.items()))

    @property
    def gfps(self) -> dict[int, int]:
        """canonical mask -> requests."""
        counts: dict[int, int] = {}
        for shape in self.shapes:
            counts[shape.gfp] = counts.get(shape.gfp, 0) + shape.attempted
        return dict(sorted(counts.items()))


@dataclass(slots=True)
class WarningSummary:
    """What the warning policy printed and kept to itself."""

    policy: str
    emitted: int = 0
    suppressed_by_ratelimit: int = 0
    suppressed_by_nowarn: int = 0
    by_caller: dict[str, int] = field(default_factory=dict)
    """Printed warnings."""
    suppressed_by_caller: dict[str, int] = field(default_factory=dict)
    counts: list[FailureCount] = field(default_factory=list)
    """Failures by caller, order, mask and cause, the most first; empty for ``silent``."""
    hidden_by: dict[str, dict[str, int]] = field(default_factory=dict)
    """Whose printed warning used up the rate limit -> who was kept back meanwhile -> how often."""
    lines: list[str] = field(default_factory=list)
    """The log text, bounded."""
    lines_dropped: int = 0


class ZoneFacts(NamedTuple):
    """One zone at the end of the run.  Index tuples run over orders 0..10."""

    name: str
    node: int
    managed_pages: int
    free_pages: int
    nr_free: tuple[int, ...]
    min_pages: int
    low_pages: int
    high_pages: int

    @property
    def unusable_index(self) -> tuple[float, ...]:
        """Share of free memory in blocks too small for each order (fact sheet 9.1)."""
        orders = range(len(self.nr_free))
        return tuple(index / 1000 for index in unusable_free_indexes(self.nr_free, orders))

    @property
    def extfrag_index(self) -> tuple[float, ...]:
        """Why a request of each order would fail (fact sheet 9.2); -1 where it would not."""
        orders = range(len(self.nr_free))
        return tuple(fragmentation_index(self.nr_free, order) / 1000 for order in orders)


@dataclass(slots=True)
class Totals:
    """Sums over all callers."""

    attempted: int = 0
    succeeded: int = 0
    freed: int = 0
    failed_natural: int = 0
    failed_injected: int = 0
    failed_observed: int = 0
    failed_by_cause: dict[str, int] = field(default_factory=dict)
    by_order: list[int] = field(default_factory=lambda: [0] * 11)
    by_gfp: dict[int, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Failures of every origin."""
        return self.failed_natural + self.failed_injected + self.failed_observed


@dataclass
class RunResult:
    """Everything a run produced.  ``wall_seconds`` is the only member that may differ."""

    meta: TraceMeta
    config: ReplayConfig
    profile: str
    build: str
    """``compiled`` or ``interpreted``."""
    machine_origin: str
    events: int = 0
    wall_seconds: float = 0.0
    span_ns: int = 0
    events_by_kind: dict[int, int] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    reconciled: dict[str, int] = field(default_factory=dict)
    warnings: WarningSummary = field(default_factory=lambda: WarningSummary("silent"))
    zones: list[ZoneFacts] = field(default_factory=list)
    vmstat: dict[str, int] = field(default_factory=dict)
    callers: list[CallerStats] = field(default_factory=list)
    """Sorted by failures, then attempts, then name."""
    failures: list[FailureRow] = field(default_factory=list)
    failures_dropped: int = 0
    looks: Looks = field(default_factory=Looks)
    counters: dict[str, int] = field(default_factory=dict)
    """Events a script's callers counted."""
    story: StoryFacts = field(default_factory=StoryFacts)
    """What the script's callers did; empty for recordings."""
    digest: str = ""
    """Of every outcome and of the machine's final state; independent of batch sizes."""

    @cached_property
    def samples(self) -> list[Sample]:
        """The machine over time.  Worked out when first asked for."""
        return self.looks.samples()

    @cached_property
    def occupancy(self) -> list[Occupancy]:
        """The callers that held the most at some sample, the most first; empty when a run has so
        many callers that their holdings were not kept.  Worked out when first asked for."""
        return self.looks.occupancy()

    def caller(self, name: str) -> CallerStats:
        """The account of one caller.  Raises KeyError."""
        for stats in self.callers:
            if stats.caller == name:
                return stats
        raise KeyError(name)

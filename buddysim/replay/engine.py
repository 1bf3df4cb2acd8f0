"""The only loop: a trace of any kind on one machine, from its first event to its last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import buddysim.mm.zone
from buddysim.errors import ConfigError
from buddysim.fault.plan import FaultPlan
from buddysim.mm.machine import Machine, build_machine
from buddysim.mm.zone import Zone
from buddysim.replay.config import ReplayConfig
from buddysim.replay.desk import WarningDesk
from buddysim.replay.digest import RunDigest
from buddysim.replay.glance import Glances
from buddysim.replay.looks import Looks
from buddysim.replay.loop import fit_cpus, run_rows
from buddysim.replay.outcome import FirstSeen, RunResult, ZoneFacts
from buddysim.replay.policies import install_policies
from buddysim.replay.prng import Stream
from buddysim.replay.run import Run
from buddysim.replay.start import apply_prelude, machine_spec_for
from buddysim.source.event import Counted, EventBatch, EventKind, Tables, Trace, TraceMeta
from buddysim.source.open import is_script
from buddysim.warn.ratelimit import Window

if TYPE_CHECKING:
    from buddysim.replay.film import Watcher
    from buddysim.replay.outcome import CallerStats

__all__ = [
    "Rows",
    "Told",
    "close_books",
    "core_build",
    "new_plan",
    "new_run",
    "play_rows",
    "prepare_batch",
    "replay",
    "rows_of",
    "run_of",
    "vmstat_of",
    "zone_facts",
]

Progress = Callable[[int], None]


class Told(Protocol):
    """What a run must know of its subject: where it comes from and who takes part."""

    meta: TraceMeta
    tables: Tables


class Rows(Protocol):
    """Who carries out the rows that leave the inner loop."""

    @property
    def leave_ordinary(self) -> bool:
        """May the inner loop carry out the first request of a kind too, if it is ordinary?"""
        ...

    def row(self, batch: EventBatch, row: int) -> None:
        """One row."""
        ...

    def finish(self) -> None:
        """The last row was carried out."""
        ...

    def declare(self, callers: Sequence[CallerStats]) -> None:
        """Tell the final accounts what is known of the callers besides what they did."""
        ...


_PIECE_ROWS = 1 << 14
"""Outcomes of so many rows are hashed while they are in the cache."""
_FREE = int(EventKind.FREE)
_FREE_BATCHED = int(EventKind.FREE_BATCHED)


def core_build() -> str:
    """``compiled`` or ``interpreted``: which build of the allocator is running."""
    path = buddysim.mm.zone.__file__ or ""
    return "interpreted" if path.endswith(".py") else "compiled"


def replay(
    trace: Trace,
    config: ReplayConfig | None = None,
    progress: Progress | None = None,
    *,
    watcher: Watcher | None = None,
) -> RunResult:
    """Replay a whole trace.  ``progress`` is told the number of events done now and then.

    A ``watcher`` looks at the machine as often as it wants, and may end the replay early.

    Raises TraceError (the trace), ConfigError (machine, options), FaultSpecError.
    Memory is O(pages + live blocks + callers), never O(events of a recording).
    """
    config = config or ReplayConfig()
    if is_script(trace) and config.placement == "recorded":
        raise ConfigError(
            "--placement recorded with a script", expected="a recording: scripts name no pages"
        )
    run = run_of(trace, config)
    player = _Player(run, trace, progress)
    started = perf_counter()
    batches = trace.batches()
    if watcher is not None:
        from buddysim.replay.film import watched

        batches = watched(batches, run.machine, watcher)
    player.play(batches)
    run.result.wall_seconds = perf_counter() - started
    return run.result


def run_of(trace: Trace, config: ReplayConfig) -> Run:
    """A run on the machine a trace starts from.  Raises TraceError, ConfigError, FaultSpecError."""
    machine = build_machine(machine_spec_for(trace, config))
    install_policies(machine, recording=not is_script(trace))
    if is_script(trace):
        apply_prelude(machine, trace.script, config.seed)
    return new_run(trace, config, machine)


def new_run(trace: Told, config: ReplayConfig, machine: Machine) -> Run:
    """The books of a run on ``machine``.  Raises ConfigError, FaultSpecError."""
    result = RunResult(
        meta=trace.meta,
        config=config,
        profile=machine.profile.name,
        build=core_build(),
        machine_origin=machine.spec.origin,
    )
    plan = new_plan(config, machine, config.faults)
    desk = WarningDesk(machine, trace.tables, config, result.warnings)
    return Run(machine, trace.tables, config, plan, desk, result)


def new_plan(config: ReplayConfig, machine: Machine, faults: tuple[str, ...]) -> FaultPlan:
    """The plan of ``--fault`` specifications.  Raises FaultSpecError."""
    era = machine.profile.name
    return FaultPlan(faults, _roller(config.seed), era=era, limiter=Window)


def _roller(seed: int) -> Callable[[str], Callable[[], int]]:
    """Streams of 0..99 for fault injection."""

    def stream(name: str) -> Callable[[], int]:
        numbers = Stream(seed, name)
        return lambda: numbers.below(100)

    return stream


def prepare_batch(run: Run, meta: TraceMeta, batch: EventBatch) -> None:
    """Make a batch fit for the inner loops: known callers, cpus the machine has."""
    run.tally.grow()
    fit_cpus(batch, run.machine.spec.ncpus)
    if meta.kind_names.get(_FREE_BATCHED, "") == "mm_pagevec_free":
        for row, kind in enumerate(batch.kind):
            if kind == _FREE_BATCHED:
                batch.kind[row] = _FREE


def play_rows(run: Run, rows: Rows, batch: EventBatch, start: int, end: int) -> None:
    """Carry out rows: ordinary ones in the inner loop, the others one by one."""
    loop, row = run.loop, start
    while row < end:
        before = row
        row = run_rows(loop, batch, row, end)
        if loop.extfrag_log and row > before:
            seen = FirstSeen.in_row(batch, row - 1)
            run.attribute_extfrag(batch.caller[row - 1], seen)
        elif row < end and not (rows.leave_ordinary and run.introduce(batch, row)):
            loop.kinds[batch.kind[row]] += 1
            rows.row(batch, row)
            row += 1
    if any(loop.stalls):
        run.count_stalls()


def close_books(run: Run) -> None:
    """Bring the accounts of a run and of its machine into its result."""
    result = run.result
    result.events_by_kind = {kind: count for kind, count in enumerate(run.loop.kinds) if count}
    run.tally.totals.freed = run.loop.freed
    result.callers = run.tally.finish()
    result.totals = run.tally.totals
    for name, blocks in (
        ("alloc_live", run.loop.alloc_live),
        ("free_unknown", run.loop.free_unknown),
    ):
        if blocks:
            result.reconciled[name] = result.reconciled.get(name, 0) + blocks
    result.reconciled = dict(sorted(result.reconciled.items()))
    run.desk.finish(result.callers)
    result.zones = [zone_facts(zone) for zone in run.machine.zones]
    result.vmstat = vmstat_of(run.machine)
    result.counters = dict(sorted(result.counters.items()))


class _Player:
    """Feeds batches to the inner loop and rare rows to those who know them."""

    def __init__(self, run: Run, trace: Trace, progress: Progress | None) -> None:
        self.run = run
        self.trace = trace
        self.progress = progress
        self.rows = rows_of(run, trace)
        events = trace.expected_rows() if isinstance(trace, Counted) else 0
        self.glances = Glances(run.machine.zones, run.config.max_samples, events)
        self.glances.take(0, 0, run.loop)
        run.loop.glances = self.glances
        self.digest = RunDigest()
        self.first_ns = -1
        self.last_ns = 0

    def play(self, batches: Iterable[EventBatch]) -> None:
        """Every batch, then the final account."""
        for batch in batches:
            self._prepare(batch)
            self._play(batch)
            if self.progress is not None:
                self.progress(self.run.result.events)
        self._finish()

    def _prepare(self, batch: EventBatch) -> None:
        """Make a batch fit for the inner loop: known callers, cpus the machine has."""
        prepare_batch(self.run, self.trace.meta, batch)
        if len(batch):
            if self.first_ns < 0:
                self.first_ns = batch.time_ns[0]
            self.last_ns = max(self.last_ns, batch.time_ns[-1])

    def _play(self, batch: EventBatch) -> None:
        end = len(batch)
        for start in range(0, end, _PIECE_ROWS):
            play_rows(self.run, self.rows, batch, start, min(start + _PIECE_ROWS, end))
            self.digest.take(self.run.loop.results)
        # The inner loop looks before a row, and behind the last one only if that was ordinary.
        self.glances.due(batch, end, end, self.run.loop)
        self.run.result.events += end

    def _finish(self) -> None:
        run, result = self.run, self.run.result
        self.rows.finish()
        result.looks = self._looks()
        self.digest.take(run.loop.results)
        result.span_ns = self.last_ns - max(self.first_ns, 0)
        close_books(run)
        self.rows.declare(result.callers)
        result.digest = self.digest.finish(run.machine)

    def _looks(self) -> Looks:
        run, glances = self.run, self.glances
        words = glances.finish(run.result.events, self.last_ns, run.loop)
        return Looks(words, glances.width, glances.held, run.tables.callers)


def rows_of(run: Run, trace: Trace) -> Rows:
    """Who carries out the rows of a trace that leave the inner loop.  Raises ConfigError."""
    # Short traces must start quickly: none needs what the other kind does.
    if is_script(trace):
        from buddysim.replay.stage import Stage

        return Stage(run, trace.script)
    from buddysim.replay.recorded import RecordedRows

    return RecordedRows(run)


def zone_facts(zone: Zone) -> ZoneFacts:
    """A zone as it stands.  O(orders)."""
    return ZoneFacts(
        name=zone.name,
        node=zone.node,
        managed_pages=zone.managed,
        free_pages=zone.free,
        nr_free=tuple(zone.nr_free),
        min_pages=zone.mark_min,
        low_pages=zone.mark_low,
        high_pages=zone.mark_high,
    )


def vmstat_of(machine: Machine) -> dict[str, int]:
    """Counters, with those the zones keep themselves."""
    counts = machine.vmstat.as_dict()
    for zone in machine.zones:
        name = f"pgalloc_{zone.name.lower()}"
        counts[name] = counts.get(name, 0) + zone.pgalloc
        counts["pgfree"] = counts.get("pgfree", 0) + zone.pgfree
    counts["nr_free_pages"] = sum(zone.true_free for zone in machine.zones)
    return dict(sorted(counts.items()))

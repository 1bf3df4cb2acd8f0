"""What model placement foresaw of a recorded run, set against what the kernel did.

The replay starts from the recorded lists and follows the recorded frees, reclaim and moves between
per-cpu and buddy lists (``replay/steering.py``); every page and every refusal is the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from buddysim.mm.machine import Machine, build_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import close_books, new_run, play_rows, prepare_batch
from buddysim.replay.policies import install_policies
from buddysim.replay.recorded import RecordedRows
from buddysim.replay.run import Run
from buddysim.replay.snapshot import spec_from_snapshot
from buddysim.source.event import EventBatch, EventKind
from buddysim.source.open import open_trace
from buddysim.source.oracle import Snapshot

__all__ = ["FailuresForeseen", "Prediction", "Tenth", "foresee", "sentences"]

_ORDERS = 11
_TENTHS = 10
_ALLOC = int(EventKind.ALLOC)
_FREE = int(EventKind.FREE)


@dataclass(frozen=True)
class FailuresForeseen:
    """Requests that failed in the model, in the kernel, and in both."""

    predicted: int
    observed: int
    both: int
    recall: float | None
    """both / observed; None when nothing was observed."""
    precision: float | None
    """both / predicted; None when nothing was predicted."""


@dataclass(frozen=True)
class Tenth:
    """One tenth of the recorded allocations: the time line of the divergence."""

    event: int
    """Index of the last event counted."""
    pfn_compared: int
    pfn_equal: int
    free_model: int
    """Free pages of the model at its end."""
    free_kernel: int | None
    """Free pages of the kernel there; None where the recording does not tell."""


@dataclass(frozen=True)
class Prediction:
    """Model placement of one recording against the kernel.  Counts by order are of 0 to 10."""

    failures: FailuresForeseen
    pfn_compared: int
    pfn_equal: int
    free_kernel: list[int]
    """Free blocks by order at the end."""
    free_model: list[int]
    free_pages_kernel: int
    free_pages_model: int
    pcp_pages_kernel: int
    """Pages on per-cpu lists at the end, free as well."""
    pcp_pages_model: int
    unseen_pages: int | None
    """Pages handed out without an event and still in use: the model has them free.  None where the
    counters that tell are missing."""
    extfrag_kernel: list[int]
    """Fallback events by order of the block found."""
    extfrag_model: list[int]
    drains_kernel: int
    drains_model: int
    traffic_followed: bool
    """Moves between pcp and buddy lists were recorded and followed, so drains are no prediction."""
    untraced_pages: int
    """Pages that must have come back to the buddy lists without an event."""
    timeline: list[Tenth] = field(default_factory=list)


def foresee(
    trace_path: Path, start: Snapshot, end: Snapshot, *, x86: bool, unseen: int | None = None
) -> Prediction:
    """Replay a recording in model placement and compare.  Raises TraceError.

    ``unseen``: pages that left the free lists without an event, where counters tell.
    """
    spec = spec_from_snapshot(start, "6.12", x86=x86)
    config = ReplayConfig(machine_spec=spec, profile="6.12", warn="silent")
    trace = open_trace(str(trace_path), profile="6.12")
    machine = build_machine(spec)
    install_policies(machine, recording=True)
    run = new_run(trace, config, machine)
    watch = _Watch(run)
    for batch in trace.batches():
        prepare_batch(run, trace.meta, batch)
        watch.play(batch)
    close_books(run)
    return watch.prediction(end, unseen)


class _Rows(RecordedRows):
    """Steered rows that tell which of them had other than one outcome."""

    def __init__(self, run: Run) -> None:
        super().__init__(run, steered=True)
        self._results = run.loop.results
        self.irregular: dict[int, int] = {}
        """Row of the current batch -> outcomes, where that is not 1."""

    def row(self, batch: EventBatch, row: int) -> None:
        """Carry it out and count its outcomes."""
        before = self._results.used
        super().row(batch, row)
        if batch.kind[row] == _FREE and self._results.used != before + 1:
            self.irregular[row] = self._results.used - before


class _Watch:
    """Compares the outcome of each allocation with the recorded page."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rows = _Rows(run)
        self._extfrag = [0] * _ORDERS
        self._stretches: list[Tenth] = []

    def play(self, batch: EventBatch) -> None:
        """Replay one batch in stretches, so that the time line has points within it."""
        self._rows.prepare(batch)
        step = max(len(batch) // _TENTHS, 1)
        for first in range(0, len(batch), step):
            last = min(first + step, len(batch))
            self._rows.irregular.clear()
            play_rows(self._run, self._rows, batch, first, last)
            self._compare(batch, first, last)

    def _compare(self, batch: EventBatch, first: int, last: int) -> None:
        outcomes = self._run.loop.results.drain()
        irregular, kinds, pfns = self._rows.irregular, batch.kind, batch.pfn
        compared = equal = at = 0
        for row in range(first, last):
            kind = kinds[row]
            if kind == _ALLOC:
                if pfns[row] >= 0:
                    compared += 1
                    equal += outcomes[at] == pfns[row]
                at += 1
            elif kind == _FREE:
                at += irregular.get(row, 1) if irregular else 1
            elif kind == int(EventKind.EXTFRAG):
                self._extfrag[min(batch.aux[row] & 0xFF, _ORDERS - 1)] += 1
        steering = self._rows.steering
        known = steering is not None and steering.traffic.active
        kernel = sum(steering.traffic.free) if known and steering is not None else None
        model = sum(zone.true_free for zone in self._run.machine.zones)
        self._stretches.append(Tenth(batch.first + last, compared, equal, model, kernel))

    def prediction(self, end: Snapshot, unseen: int | None) -> Prediction:
        """The account, once the recording is over."""
        run, machine = self._run, self._run.machine
        assert self._rows.steering is not None
        traffic = self._rows.steering.traffic
        kernel, model = _blocks(end), _blocks_of(machine)
        kinds = run.result.events_by_kind
        return Prediction(
            failures=_failures(run),
            pfn_compared=sum(each.pfn_compared for each in self._stretches),
            pfn_equal=sum(each.pfn_equal for each in self._stretches),
            free_kernel=kernel,
            free_model=model,
            free_pages_kernel=_pages(kernel),
            free_pages_model=_pages(model),
            pcp_pages_kernel=sum(pcp.count for zone in end.zones for pcp in zone.pcp),
            pcp_pages_model=sum(zone.free_pcp for zone in machine.zones),
            unseen_pages=unseen,
            extfrag_kernel=self._extfrag,
            extfrag_model=list(run.extfrag_orders),
            drains_kernel=kinds.get(int(EventKind.PCPU_DRAIN), 0),
            drains_model=sum(zone.drain_count for zone in machine.zones),
            traffic_followed=traffic.active,
            untraced_pages=traffic.missed,
            timeline=_tenths(self._stretches),
        )


def _tenths(stretches: list[Tenth]) -> list[Tenth]:
    """Stretches put together, each tenth with about as many allocations."""
    total = sum(each.pfn_compared for each in stretches)
    tenths: list[Tenth] = []
    compared = equal = done = 0
    for each in stretches:
        compared, equal = compared + each.pfn_compared, equal + each.pfn_equal
        done += each.pfn_compared
        if compared and done * _TENTHS >= total * (len(tenths) + 1):
            tenths.append(Tenth(each.event, compared, equal, each.free_model, each.free_kernel))
            compared = equal = 0
    return tenths


def _failures(run: Run) -> FailuresForeseen:
    totals = run.tally.totals
    both = totals.failed_observed - run.result.reconciled.get("failed_but_model_has_page", 0)
    predicted = totals.failed_natural + both
    return FailuresForeseen(
        predicted,
        totals.failed_observed,
        both,
        both / totals.failed_observed if totals.failed_observed else None,
        both / predicted if predicted else None,
    )


def _blocks(snapshot: Snapshot) -> list[int]:
    counts = [0] * _ORDERS
    for zone in snapshot.zones:
        for order, _, pfns in zone.free_lists:
            counts[order] += len(pfns)
    return counts


def _blocks_of(machine: Machine) -> list[int]:
    return [sum(zone.nr_free[order] for zone in machine.zones) for order in range(_ORDERS)]


def _pages(blocks: list[int]) -> int:
    return sum(count << order for order, count in enumerate(blocks))


def sentences(found: Prediction) -> Iterator[str]:
    """The account in sentences with numbers."""
    failures = found.failures
    rates = [
        f"{word} {rate:.3f}"
        for word, rate in (("recall", failures.recall), ("precision", failures.precision))
        if rate is not None
    ]
    yield (
        f"model placement: failures predicted {failures.predicted}, observed {failures.observed}, "
        f"both {failures.both}" + (f" ({', '.join(rates)})" if rates else "")
    )
    share = 100 * found.pfn_equal / found.pfn_compared if found.pfn_compared else 100.0
    yield (
        f"allocations at the recorded page: {found.pfn_equal} of {found.pfn_compared} "
        f"({share:.1f} %); by tenths "
        + " ".join(f"{100 * each.pfn_equal // each.pfn_compared}" for each in found.timeline)
        + " %"
    )
    yield (
        f"free at the end {found.free_pages_kernel} pages {found.free_kernel}, "
        f"model {found.free_pages_model} pages {found.free_model}"
    )
    yield _with_pcp(found)
    yield (
        f"extfrag events {sum(found.extfrag_kernel)} {found.extfrag_kernel}, "
        f"model {sum(found.extfrag_model)} {found.extfrag_model}"
    )
    followed = "moves followed" if found.traffic_followed else "the model's own rules"
    yield f"pcpu drains {found.drains_kernel}, model {found.drains_model} ({followed})"


def _with_pcp(found: Prediction) -> str:
    kernel = found.free_pages_kernel + found.pcp_pages_kernel
    model = found.free_pages_model + found.pcp_pages_model
    text = f"with pcp lists {kernel} pages, model {model}"
    if found.unseen_pages is None or model <= kernel:
        return text
    unseen = min(found.unseen_pages, model - kernel)
    return f"{text}: {model - kernel} more, of which {unseen} left without an event"

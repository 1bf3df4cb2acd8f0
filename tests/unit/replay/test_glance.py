"""Looks at the machine over time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from buddysim.mm.machine import Machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.event import EventBatch, Trace
from buddysim.source.open import open_trace
from buddysim.source.write import write_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"


MANYFILES = TRACES / "manyfiles-6.12" / "trace.txt.zst"


def oom(samples: int) -> RunResult:
    return replay(open_trace(str(MANYFILES)), ReplayConfig(max_samples=samples))


@pytest.fixture(scope="module")
def run() -> RunResult:
    return oom(64)


def test_samples_are_evenly_spaced_and_end_with_the_run(run: RunResult) -> None:
    events = [sample.event for sample in run.samples]
    assert 32 <= len(events) <= 65
    steps = {after - before for before, after in pairwise(events[:-1])}
    assert len(steps) == 1
    assert (events[0], events[-1]) == (0, run.events)


def test_a_sample_agrees_with_itself_and_the_last_one_with_the_zones(run: RunResult) -> None:
    for sample in run.samples:
        for free, nr_free, largest, unusable in zip(
            sample.free_pages,
            sample.nr_free,
            sample.largest_order,
            sample.unusable_index,
            strict=True,
        ):
            assert sum(blocks << order for order, blocks in enumerate(nr_free)) == free
            assert largest == max(order for order, blocks in enumerate(nr_free) if blocks)
            small = sum(blocks << order for order, blocks in enumerate(nr_free[:3]))
            assert unusable[0] == pytest.approx(small / free, abs=0.001)
    last = run.samples[-1]
    for zone, nr_free, unusable in zip(run.zones, last.nr_free, last.unusable_index, strict=True):
        assert zone.nr_free == nr_free
        assert (zone.unusable_index[3], zone.unusable_index[9]) == unusable


def test_occupancy_belongs_to_the_samples(run: RunResult) -> None:
    assert run.occupancy
    peaks = [max(row.pages) for row in run.occupancy]
    assert peaks == sorted(peaks, reverse=True)
    assert all(peak > 0 for peak in peaks)
    for row in run.occupancy:
        assert len(row.pages) == len(run.samples)
        assert row.pages[-1] == run.caller(row.caller).live_pages
    for place, sample in enumerate(run.samples):
        assert sum(row.pages[place] for row in run.occupancy) <= sample.live_pages


def test_fewer_samples_are_among_the_many(run: RunResult) -> None:
    few = oom(16)
    many = {sample.event: sample for sample in run.samples}
    assert all(many[sample.event] == sample for sample in few.samples)
    assert few.digest == run.digest


class Often:
    """Cuts a trace into pieces of seven events."""

    every = 7

    def begin(self, machine: Machine) -> None:
        """Nothing to see yet."""

    def after(self, machine: Machine, piece: EventBatch) -> bool:
        """Go on."""
        return True


def test_the_same_samples_however_a_trace_is_cut() -> None:
    fault = "fail_page_alloc:probability=5,min-order=0"
    config = ReplayConfig(max_samples=50, faults=(fault,), seed=3)
    whole = replay(open_trace(str(MANYFILES)), config)
    cut = replay(open_trace(str(MANYFILES)), config, watcher=Often())
    assert cut.samples == whole.samples
    assert cut.occupancy == whole.occupancy
    failed = [sample.failed for sample in whole.samples]
    assert failed == sorted(failed)
    assert whole.totals.failed == failed[-1] > failed[len(failed) // 2] > 0


class Untold:
    """A trace that does not tell how long it is."""

    def __init__(self, trace: Trace) -> None:
        self.meta, self.tables, self.batches = trace.meta, trace.tables, trace.batches


@pytest.mark.parametrize("samples", [2, 16, 64, 300])
def test_the_same_samples_whether_the_length_is_known_before_or_not(
    tmp_path: Path, samples: int
) -> None:
    packed = str(tmp_path / "packed.bst")
    write_trace(open_trace(str(MANYFILES)), packed)
    config = ReplayConfig(max_samples=samples)
    told = replay(open_trace(packed), config)
    untold = replay(Untold(open_trace(packed)), config)
    assert told.samples == untold.samples
    assert told.occupancy == untold.occupancy
    assert told.digest == untold.digest

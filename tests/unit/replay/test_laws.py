"""Laws of a replay: determinism, prefix, injection neutrality, batch sizes, conservation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buddysim.kernel.gfp import parse_names
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"
_KERNEL = parse_names("GFP_KERNEL", "6.12")
_ATOMIC = parse_names("GFP_ATOMIC", "6.12")
_MOVABLE = parse_names("GFP_HIGHUSER_MOVABLE", "6.12")
_SPEC = MachineSpec.from_mem(16 << 20)


@dataclass
class Memory:
    """A recording in memory, cut into batches of a chosen size."""

    rows: list[dict[str, int]]
    batch_size: int = 1000
    meta: TraceMeta = field(default_factory=lambda: TraceMeta("memory", "ftrace", profile="6.12"))
    tables: Tables = field(
        default_factory=lambda: Tables(callers=["?", "a", "b"], tasks=["?", "a-1", "b-2"])
    )

    def batches(self) -> Iterator[EventBatch]:
        for first in range(0, len(self.rows), self.batch_size):
            batch = EventBatch(first)
            for row in self.rows[first : first + self.batch_size]:
                batch.append(**row)
            yield batch


def _mixed(length: int) -> list[dict[str, int]]:
    """A pseudo-random recording: two callers, orders 0..3, frees, a failure now and then."""
    rows: list[dict[str, int]] = []
    live: list[tuple[int, int]] = []
    state, pfn = 12345, 1 << 20
    for index in range(length):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        kind = state >> 16 & 7
        common = {"time_ns": index * 1000, "caller": 1 + (state >> 8 & 1), "line": index + 1}
        if kind < 3 and live:
            freed, order = live.pop((state >> 20) % len(live))
            rows.append({"kind": EventKind.FREE, "pfn": freed, "order": order, **common})
        elif kind == 7 and index % 5 == 0:
            rows.append({"kind": EventKind.ALLOC, "pfn": -1, "order": 2, "gfp": _ATOMIC, **common})
        else:
            order = (0, 0, 0, 1, 2, 3)[(state >> 12) % 6]
            gfp = (_KERNEL, _ATOMIC, _MOVABLE)[(state >> 5) % 3]
            rows.append({"kind": EventKind.ALLOC, "pfn": pfn, "order": order, "gfp": gfp, **common})
            live.append((pfn, order))
            pfn += 1 << order
    return rows


def _run(rows: list[dict[str, int]], batch_size: int = 1000, **options: object) -> RunResult:
    config = ReplayConfig(machine_spec=_SPEC, **options)
    return replay(Memory(rows, batch_size), config)


_FAULT = "fail_page_alloc:probability=10,min-order=0,ignore-gfp-wait=N,ignore-gfp-highmem=N"


def test_same_inputs_same_everything() -> None:
    rows = _mixed(3000)
    one, two = _run(rows, faults=(_FAULT,), seed=7), _run(rows, faults=(_FAULT,), seed=7)
    assert one.digest == two.digest
    assert one.failures == two.failures
    assert one.callers == two.callers
    assert one.samples == two.samples


def test_another_seed_injects_elsewhere() -> None:
    rows = _mixed(3000)
    one, two = _run(rows, faults=(_FAULT,), seed=7), _run(rows, faults=(_FAULT,), seed=8)
    assert one.totals.failed_injected > 0
    assert one.digest != two.digest


def test_probability_zero_equals_no_injector_at_all() -> None:
    rows = _mixed(3000)
    plain = _run(rows)
    armed = _run(rows, faults=("fail_page_alloc:probability=0,min-order=0",), seed=9)
    assert armed.digest == plain.digest
    assert armed.totals == plain.totals
    assert armed.callers == plain.callers


@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_batch_sizes_do_not_matter(batch_size: int) -> None:
    rows = _mixed(2000)
    whole, cut = _run(rows), _run(rows, batch_size)
    assert cut.digest == whole.digest
    assert cut.samples == whole.samples


def test_a_prefix_of_the_trace_replays_like_the_prefix_of_the_replay() -> None:
    rows = _mixed(2000)
    whole, prefix = _run(rows), _run(rows[:1200])
    assert [row for row in whole.failures if row.event < 1200] == prefix.failures
    # the last sample of the prefix is taken at its end, between two regular ones
    assert whole.samples[: len(prefix.samples) - 1] == prefix.samples[:-1]


def test_pages_are_conserved() -> None:
    run = _run(_mixed(3000))
    held = sum(stats.live_pages for stats in run.callers)
    managed = sum(zone.managed_pages for zone in run.zones)
    cached = managed - held - sum(zone.free_pages for zone in run.zones)
    assert 0 <= cached < 600, "the rest is on pcp lists"


def test_accounts_add_up() -> None:
    run = _run(_mixed(3000), faults=(_FAULT,))
    totals = run.totals
    assert totals.attempted == sum(stats.attempted for stats in run.callers)
    assert totals.attempted == totals.succeeded + totals.failed
    assert totals.failed == sum(totals.failed_by_cause.values())
    assert totals.attempted == sum(totals.by_order) == sum(totals.by_gfp.values())
    assert totals.failed == len(run.failures)


def test_samples_stay_bounded() -> None:
    run = _run(_mixed(3000), max_samples=20)
    assert len(run.samples) <= 22
    assert run.samples[0].event == 0
    assert run.samples[-1].event == 3000


def test_failure_rows_stay_bounded() -> None:
    run = _run(_mixed(3000), faults=(_FAULT,), max_failures=10)
    assert len(run.failures) == 10
    assert run.failures_dropped == run.totals.failed - 10


@pytest.mark.parametrize("name", ["rogues.trace", "citizens.trace", "atomic-vs-kernel.trace"])
def test_probability_zero_changes_no_script(name: str) -> None:
    def digest(*faults: str) -> str:
        return replay(open_trace(str(TRACES / name)), ReplayConfig(faults=faults)).digest

    assert digest() == digest("fail_page_alloc:probability=0,min-order=0")

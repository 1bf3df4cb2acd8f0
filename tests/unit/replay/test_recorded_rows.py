"""Recordings that do not balance, fail, or meet injected failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from buddysim.findings.registry import find_all
from buddysim.findings.verdict import verdicts
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import parse_names
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta

_ALLOC, _FREE = EventKind.ALLOC, EventKind.FREE
_KERNEL = parse_names("GFP_KERNEL", "6.12")
_ATOMIC = parse_names("GFP_ATOMIC", "6.12")
_SPEC = MachineSpec.from_mem(16 << 20)
_CALLERS = ["?", "worker", "skb_page_frag_refill", "driver"]


@dataclass
class _Recording:
    rows: list[tuple[int, int, int, int, int]]
    """(kind, pfn, order, gfp, caller), 1 us apart."""
    context: int = int(Context.UNKNOWN)
    meta: TraceMeta = field(default_factory=lambda: TraceMeta("x.txt", "ftrace", profile="6.12"))
    tables: Tables = field(
        default_factory=lambda: Tables(callers=list(_CALLERS), tasks=["?", "sh-1"])
    )

    def batches(self) -> Iterator[EventBatch]:
        batch = EventBatch()
        for index, (kind, pfn, order, gfp, caller) in enumerate(self.rows):
            batch.append(
                kind,
                time_ns=index * 1000,
                pfn=pfn,
                order=order,
                gfp=gfp,
                caller=caller,
                task=1,
                context=self.context,
                line=index + 1,
            )
        yield batch


def _run(rows: list[tuple[int, int, int, int, int]], **options: object) -> RunResult:
    context = int(options.pop("context", Context.UNKNOWN))
    config = ReplayConfig(machine_spec=_SPEC, **options)
    return replay(_Recording(rows, context), config)


def _alloc(pfn: int, order: int = 0, gfp: int = _KERNEL, caller: int = 1) -> tuple[int, ...]:
    return (_ALLOC, pfn, order, gfp, caller)


@pytest.mark.parametrize("placement", ["model", "recorded"])
def test_a_block_freed_in_parts_comes_back_whole(placement: str) -> None:
    rows = [_alloc(64, 3)] + [(_FREE, 64 + page, 0, 0, 1) for page in range(8)]
    run = _run(rows, placement=placement)
    assert run.reconciled == {"split_free": 1}
    assert run.caller("worker").live_pages == 0


def test_a_page_allocated_while_live_is_freed_first() -> None:
    run = _run([_alloc(64), _alloc(64), (_FREE, 64, 0, 0, 1)])
    assert run.reconciled == {"alloc_live": 1}
    assert run.caller("worker").live_pages == 0


def test_a_free_of_an_unknown_page_is_counted() -> None:
    run = _run([(_FREE, 99, 0, 0, 1)])
    assert run.reconciled["free_unknown"] == 1
    assert run.totals.freed == 1


def test_a_free_of_more_than_was_allocated_is_a_mismatch_and_no_finding() -> None:
    run = _run([_alloc(64, 1), (_FREE, 64, 3, 0, 1)])
    assert run.reconciled == {"order_mismatch": 1}
    assert run.caller("worker").live_pages == 0
    assert all(finding.code != "BS105" for finding in find_all(run))


def test_batched_frees_are_not_counted_twice() -> None:
    rows = [_alloc(64), (_FREE, 64, 0, 0, 1), (EventKind.FREE_BATCHED, 64, 0, 0, 1)]
    run = _run(rows)
    assert (run.totals.freed, run.reconciled) == (1, {})


def test_a_recorded_failure_is_observed_and_keeps_nothing() -> None:
    run = _run([_alloc(-1, 2, _ATOMIC)])
    assert run.totals.failed_observed == 1
    assert run.totals.failed_natural == run.totals.failed_injected == 0
    assert run.failures[0].origin == "observed"
    assert run.caller("worker").live_pages == 0


def test_an_atomic_request_the_machine_cannot_serve_fails_naturally() -> None:
    rows = [_alloc(64 << 10, 10, _ATOMIC)] * 2 + [
        _alloc((64 + index) << 10, 10, _ATOMIC) for index in range(1, 8)
    ]
    run = _run(rows)
    assert run.totals.failed_natural > 0
    assert {row.origin for row in run.failures} == {"natural"}


def test_the_kernel_waited_where_the_recording_says_it_worked() -> None:
    rows = [_alloc(1 << 20 | page << 4, 4) for page in range(300)]
    run = _run(rows)
    assert run.reconciled["waited_for_memory"] > 0
    assert run.caller("worker").live_pages >= 4000


def test_a_wait_in_vain_among_pages_of_another_type_is_explained() -> None:
    pages = (16 << 20) // 4096
    spec = MachineSpec.from_mem(16 << 20)
    (zone,) = spec.zones
    counts = {1: 4, 4: 4}
    cma = replace(zone, cma_pages=pages // 2, pageblock_counts=counts)
    spec = replace(spec, zones=(cma,))
    rows = [_alloc(64 + index) for index in range(pages // 2 + 1)]
    run = replay(_Recording(rows), ReplayConfig(machine_spec=spec))
    assert run.totals.failed_natural >= 1
    (look,) = run.failures[0].zones
    assert look.free >= pages // 4
    assert run.failures[0].cause == "reserved"


def test_what_followed_a_failure_is_told_and_no_more() -> None:
    rows = [_alloc(-1, 3, _ATOMIC), _alloc(64, 0, _ATOMIC), _alloc(-1, 3, _ATOMIC)]
    run = _run(rows)
    stats = run.caller("worker")
    assert stats.after_failure == {"smaller-succeeded": 1, "nothing": 1}
    assert stats.after_failure_max_ns == 1000
    finding = next(each for each in find_all(run) if each.code == "BS301")
    assert "2 failures, 1 followed by a smaller success within 1us" in finding.message
    assert finding.origin == "observed"


def test_speculative_attempts_are_no_finding() -> None:
    mask = parse_names("GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY", "6.12")
    rows = [_alloc(-1, 3, mask), _alloc(64, 0)] * 3
    rows[3] = _alloc(-1, 3, mask)
    run = _run([row for index, row in enumerate(rows) if index < 2])
    assert find_all(run) == []


def test_sixteen_failures_in_a_row_are_a_storm() -> None:
    run = _run([_alloc(-1, 2, _ATOMIC)] * 16)
    assert "BS203" in [finding.code for finding in find_all(run)]
    assert "BS203" not in [f.code for f in find_all(_run([_alloc(-1, 2, _ATOMIC)] * 15))]


def test_sleeping_in_softirq_is_seen_and_unknown_context_claims_nothing() -> None:
    rows = [_alloc(64)]
    assert [f.code for f in find_all(_run(rows, context=Context.SOFTIRQ))] == ["BS201"]
    assert find_all(_run(rows)) == []


def test_a_well_known_caller_falls_back_when_a_fault_is_injected() -> None:
    rows = [_alloc(64, 3, _ATOMIC, caller=2), (_FREE, 64, 3, 0, 2)]
    run = _run(rows, faults=("nth:1",))
    stats = run.caller("skb_page_frag_refill")
    assert (stats.failed_injected, stats.attempted, stats.live_pages) == (1, 9, 0)
    assert run.reconciled == {}, "the pieces of the fallback are no mismatch"
    assert verdicts(run, find_all(run))["skb_page_frag_refill"] == "handles"


def test_a_caller_without_a_policy_stays_untested() -> None:
    run = _run([_alloc(64, 3, _ATOMIC, caller=3)], faults=("nth:1",))
    codes = [finding.code for finding in find_all(run)]
    assert run.story.episodes == []
    assert verdicts(run, [])["driver"] == "untested"
    assert codes == []


def test_a_callers_file_gives_policy_context_and_exceptions(tmp_path: Path) -> None:
    path = tmp_path / "callers.toml"
    path.write_text(
        '[[caller]]\nglob = "driver"\ncontext = "hardirq"\non_failure = "silent-drop"\n'
        'allow = {BS201 = "never under pressure"}\n',
        encoding="utf-8",
    )
    rows = [_alloc(64, 1, _ATOMIC, caller=3), _alloc(72, 0, _KERNEL, caller=3)]
    run = _run(rows, faults=("nth:1",), callers_file=str(path))
    assert [finding.code for finding in find_all(run)] == ["BS107"]
    assert run.caller("driver").contexts == Context.HARDIRQ


def test_cpus_the_machine_lacks_are_folded() -> None:
    recording = _Recording([_alloc(64)])
    batch = next(recording.batches())
    batch.cpu[0] = 7

    def batches() -> Iterator[EventBatch]:
        yield batch

    recording.batches = batches
    assert replay(recording, ReplayConfig(machine_spec=_SPEC)).totals.succeeded == 1

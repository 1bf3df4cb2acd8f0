"""The shipped recordings of real kernels, replayed whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.findings.registry import find_all
from buddysim.findings.verdict import verdicts
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[2] / "traces"


def _run(name: str, **options: object) -> RunResult:
    return replay(open_trace(str(TRACES / name)), ReplayConfig(**options))


def test_oom_shows_the_kernels_own_failures_and_hardly_any_of_the_models() -> None:
    run = _run("oom-6.12/trace.txt.zst")
    assert run.events == 607_423
    assert run.totals.attempted == 105_448
    assert run.totals.failed_observed == 8
    assert run.totals.failed_injected == 0
    assert run.totals.failed_natural <= 10, "the kernel served all of these"
    assert {row.caller for row in run.failures if row.origin == "observed"} == {"hog"}
    assert set(run.totals.failed_by_cause) == {"below-watermark"}
    # the recording's final snapshot says 13,130 free and 34 on the pcp list
    assert abs(run.zones[0].free_pages - 13_130) < 200
    assert sum(stats.extfrag for stats in run.callers) == 129
    assert verdicts(run, find_all(run))["hog"] == "untested"


@pytest.mark.parametrize(
    ("name", "attempted"),
    [
        ("manyfiles-6.12/trace.txt.zst", 1229),
        ("tcp-stack-6.12/trace.txt.zst", 599),
        ("workload-6.18/ftrace.txt.zst", 9536),
        ("workload-6.18/ftrace-stack.txt.zst", 9441),
        ("workload-6.18/perf-script.txt.zst", 9422),
        ("workload-6.18/perf-script-callchain.txt.zst", 9986),
        ("workload-6.18/tracecmd-fork-tcp.txt.zst", 931),
    ],
)
def test_recordings_without_failures_replay_without_any(name: str, attempted: int) -> None:
    run = _run(name)
    assert run.totals.attempted == attempted
    assert run.totals.failed == 0
    assert {finding.code for finding in find_all(run)} <= {"BS901", "BS401"}


@pytest.mark.parametrize("placement", ["model", "recorded"])
def test_complete_recordings_hold_in_both_placements(placement: str) -> None:
    run = _run("manyfiles-6.12/trace.txt.zst", placement=placement)
    assert run.machine_origin == "snapshot of the recording"
    assert run.reconciled.get("free_unknown", 0) == 7
    assert run.reconciled.get("order_mismatch", 0) == 0


def test_injection_in_a_recording_repeats_and_depends_on_the_seed() -> None:
    fault = "fail_page_alloc:probability=5,min-order=0,ignore-gfp-wait=N"
    name = "manyfiles-6.12/trace.txt.zst"
    one, two = _run(name, faults=(fault,), seed=7), _run(name, faults=(fault,), seed=7)
    other = _run(name, faults=(fault,), seed=8)
    none = _run(name, faults=(fault.replace("=5", "=0"),), seed=7)
    assert one.digest == two.digest != other.digest
    assert none.digest == _run(name).digest
    assert one.totals.failed_injected > 5
    assert all(row.plausibility for row in one.failures if row.origin == "injected")

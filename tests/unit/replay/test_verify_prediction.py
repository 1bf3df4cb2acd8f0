"""Model placement of shipped recordings: what it foresees, and what it follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from buddysim.replay.verify_prediction import FailuresForeseen, Prediction, foresee, sentences
from buddysim.source.oracle import read_snapshots

TRACES = Path(__file__).parents[3] / "traces"


def prediction_of(name: str) -> Prediction:
    snapshots, x86 = read_snapshots(TRACES / name)
    trace = TRACES / name / "trace.txt.zst"
    return foresee(trace, snapshots[0], snapshots[-1], x86=x86, unseen=5)


@pytest.fixture(scope="module")
def manyfiles() -> Prediction:
    return prediction_of("manyfiles-6.12")


def test_recorded_pcp_moves_keep_the_free_count_the_kernels(manyfiles: Prediction) -> None:
    assert manyfiles.traffic_followed
    assert manyfiles.drains_model == manyfiles.drains_kernel > 0
    assert abs(manyfiles.free_pages_model - manyfiles.free_pages_kernel) <= 16


def test_every_allocation_is_in_the_time_line(manyfiles: Prediction) -> None:
    timeline = manyfiles.timeline
    assert sum(each.pfn_compared for each in timeline) == manyfiles.pfn_compared == 1229
    assert sum(each.pfn_equal for each in timeline) == manyfiles.pfn_equal
    assert [each.event for each in timeline] == sorted(each.event for each in timeline)
    assert timeline[0].pfn_equal == timeline[0].pfn_compared, "exact as long as nothing is unseen"
    assert timeline[0].free_kernel == timeline[0].free_model


def test_without_pcp_events_the_model_decides_about_its_lists() -> None:
    found = prediction_of("tcp-stack-6.12")
    assert not found.traffic_followed
    assert found.drains_kernel == 0 < found.drains_model
    assert all(each.free_kernel is None for each in found.timeline)
    assert sum(found.extfrag_model) == sum(found.extfrag_kernel) == 1


@pytest.mark.slow
def test_the_failures_of_a_machine_out_of_memory_are_foreseen() -> None:
    found = prediction_of("oom-6.12")
    assert found.failures == FailuresForeseen(8, 8, 8, 1.0, 1.0)
    assert found.free_pages_model == found.free_pages_kernel
    assert found.pfn_equal > 0.95 * found.pfn_compared


def test_the_account_in_sentences(manyfiles: Prediction) -> None:
    text = "\n".join(sentences(manyfiles))
    assert "failures predicted 0, observed 0, both 0\n" in text
    assert "of 1229 (" in text
    assert "with pcp lists 15798 pages, model 15802: 4 more, of which 4 left without an" in text
    assert "(moves followed)" in text
    failures = FailuresForeseen(10, 8, 6, 0.75, 0.6)
    text = "\n".join(sentences(replace(manyfiles, failures=failures, unseen_pages=None)))
    assert "predicted 10, observed 8, both 6 (recall 0.750, precision 0.600)" in text
    assert "left without an event" not in text

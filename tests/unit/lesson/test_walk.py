"""Walking a trace event by event changes nothing, stops where told, and names what it met."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from buddysim.lesson.play import play_run, play_steps, scenario_path, step_trace
from buddysim.replay.config import ReplayConfig
from buddysim.source.open import open_trace

RECORDING = Path(__file__).resolve().parents[3] / "traces" / "manyfiles-6.12" / "trace.txt.zst"


@pytest.mark.parametrize("scenario", ["buddies.trace", "noise.trace", "atomic.trace"])
def test_a_walked_run_is_the_same_run(scenario: str) -> None:
    walked, steps = play_steps(scenario)
    assert walked.digest == play_run(scenario).digest
    assert len(steps) == walked.events


def test_each_step_starts_where_the_last_one_ended() -> None:
    _, steps = play_steps("noise.trace")
    for before, after in itertools.pairwise(steps):
        assert before.after == after.before


def test_every_failure_of_the_run_is_at_its_step() -> None:
    run, steps = play_steps("noise.trace")
    failed = {step.number: step.cause for step in steps if step.failed}
    assert failed == {row.event: row.cause for row in run.failures}


def test_the_walk_stops_at_its_limit() -> None:
    trace = open_trace(scenario_path("noise.trace"))
    run, steps = step_trace(trace, ReplayConfig(), limit=7)
    assert (run.events, len(steps)) == (7, 7)


def test_statements_that_ask_nothing_say_so() -> None:
    _, steps = play_steps("injection.trace")
    used = next(step for step in steps if step.text.startswith("use"))
    assert used.why == ("it asks nothing of the allocator",)
    assert not used.is_request


def test_injected_failures_are_told_apart() -> None:
    trace = open_trace(scenario_path("injection.trace"))
    _, steps = step_trace(trace, ReplayConfig(faults=("nth:1",)))
    assert (steps[0].failed, steps[0].cause) == (True, "injected")


def test_a_recording_can_be_walked_too() -> None:
    if not RECORDING.is_file():
        pytest.skip("the recordings in traces/ are not beside the tests")
    _, steps = step_trace(open_trace(str(RECORDING)), ReplayConfig(), limit=300)
    assert len(steps) == 300
    assert any("pfn 0x" in step.text and step.is_request for step in steps)
    assert all(step.why for step in steps)

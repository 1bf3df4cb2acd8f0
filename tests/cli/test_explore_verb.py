"""``buddysim explore`` refuses what it could only ignore."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from buddysim.cli.main import main

TRACES = Path(__file__).resolve().parents[2] / "traces"


@pytest.mark.parametrize("option", [["--jobs", "2"], ["--horizon", "10"]])
def test_options_for_scripts_are_refused_for_traces(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", str(TRACES / "citizens.trace"), *option]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_recording_is_explored_by_several_processes_to_the_horizon_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    trace = str(TRACES / "manyfiles-6.12" / "trace.txt.zst")
    words = ["explore", trace, "--limit", "30", "--jobs", "2", "--horizon", "50"]
    assert main([*words, "--format", "json", "-q"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["coverage"]["failed_points"] == 30
    assert report["coverage"]["runs"] == 60
    assert report["horizon_events"] == 50
    assert {row["verdict"] for row in report["callers"]} == {"untested"}


def test_a_short_exploration_of_a_trace_says_who_does_not_survive(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["explore", str(TRACES / "rogues.trace"), "--caller", "bs101*", "-q"]
    assert main(words) == 1
    assert "BS101" in capsys.readouterr().out

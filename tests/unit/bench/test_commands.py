"""Races against other tools: left out where a tool cannot, an error where a file is no good."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.bench.commands import perf_races, report_run, trace_cmd_races
from buddysim.bench.race import Unavailable, run_race
from buddysim.errors import ConfigError

RECORDS_NOTHING = """#!/bin/sh
test "$1" = record || echo 'No page allocation events found.'
"""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a program of any name is found before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    return folder


def install(tool: Path, name: str, text: str) -> None:
    (tool / name).write_text(text)
    (tool / name).chmod(0o755)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("#!/bin/sh\nexit 1\n", "give --perf-data FILE"), (RECORDS_NOTHING, "did not work")],
    ids=["may not record", "records nothing"],
)
def test_perf_that_cannot_is_left_out(tool: Path, tmp_path: Path, text: str, reason: str) -> None:
    install(tool, "perf", text)
    (race,) = perf_races(None, quick=True)
    with pytest.raises(Unavailable, match=reason):
        run_race(race, tmp_path, 1)


def test_a_file_that_perf_cannot_use_is_the_users_error(tool: Path, tmp_path: Path) -> None:
    install(tool, "perf", RECORDS_NOTHING)
    given = tmp_path / "some.data"
    given.touch()
    (race,) = perf_races(given, quick=True)
    assert race.name == "replay some.data, whole process"
    with pytest.raises(ConfigError, match="did not work"):
        run_race(race, tmp_path, 1)


def test_trace_cmd_reads_the_made_up_plan(tool: Path, tmp_path: Path) -> None:
    install(
        tool, "trace-cmd", '#!/bin/sh\ntest "$1" = report && head -c 10 "$3" | grep -q tracing\n'
    )
    (race,) = trace_cmd_races(None, 1)
    row = run_race(race, tmp_path, 1)
    assert 0 < row.yardstick_value < row.value


def test_findings_are_no_failure_of_a_report_but_bad_input_is(tmp_path: Path) -> None:
    script = tmp_path / "x.trace"
    script.write_text("0 rx alloc a gfp=GFP_ATOMIC\n+1us rx free a\n+1us rx free a\n")
    assert report_run(script, tmp_path, 1)() > 0
    script.write_text("0 rx allot a\n")
    with pytest.raises(ConfigError, match="did not work"):
        report_run(script, tmp_path, 1)()

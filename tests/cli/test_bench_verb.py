"""The bench verb as it is called."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from buddysim.bench.limits import Limit
from buddysim.cli.bench import bench
from buddysim.errors import ConfigError

APP = typer.Typer()
APP.command()(bench)
ROOT = Path(__file__).resolve().parents[2]
START = ["--quick", "--repeats", "1", "--only", "start"]


def call(*arguments: str) -> str:
    """Standard output of a successful call."""
    result = CliRunner().invoke(APP, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_json_is_one_document_with_a_row_a_race() -> None:
    document = json.loads(call(*START, "--format", "json"))
    assert document["schema"] == "buddysim/bench/1"
    assert document["build"] in {"compiled", "interpreted"}
    names = [row["name"] for row in document["rows"]]
    assert names == ["buddysim --help", "replay, 50 lines", "a machine of 64G"]
    assert {limit["outcome"] for limit in document["limits"]} <= {"met", "missed"}
    assert document["left_out"] == []
    for row in document["rows"]:
        assert row["ratio"] == pytest.approx(row["value"] / row["yardstick_value"])
        assert (row["unit"], row["better"], row["repeats"]) == ("s", "lower", 1)


def test_markdown_shows_the_date_it_is_given() -> None:
    text = call(*START, "--format", "markdown", "--date", "1 May 2026")
    assert "1 May 2026" in text.splitlines()[0]
    assert "| start | buddysim --help |" in text


@pytest.mark.parametrize(("bound", "status"), [(1e9, 0), (1e-9, 1)], ids=["met", "missed"])
def test_check_fails_for_a_missed_limit(
    monkeypatch: pytest.MonkeyPatch, bound: float, status: int
) -> None:
    limit = Limit("help", "start", "*help", "value", "most", bound, "s", build="")
    monkeypatch.setattr("buddysim.bench.limits.LIMITS", (limit,))
    call(*START)
    result = CliRunner().invoke(APP, [*START, "--check"], standalone_mode=False)
    assert result.return_value == status


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    argv = [sys.executable, "-m", "buddysim", "bench", "--only", "ingest", "-o", "bench.txt"]
    process = subprocess.Popen(argv, cwd=ROOT, env=place, stdout=subprocess.PIPE)
    while process.poll() is None and not list(tmp_path.glob("buddysim-bench-*/*plan*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, b"")
    assert list(tmp_path.iterdir()) == []
    assert not (ROOT / "bench.txt").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--only", "starts"], ["--format", "xml"], ["--date", "today"]],
    ids=["group", "format", "date without markdown"],
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        call(*arguments)

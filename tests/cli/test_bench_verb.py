"""The bench verb as it is called."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from buddysim.cli.bench import bench
from buddysim.errors import ConfigError

APP = typer.Typer()
APP.command()(bench)
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
    assert names == ["buddysim --help", "replay, 50 lines"]
    for row in document["rows"]:
        assert row["ratio"] == pytest.approx(row["value"] / row["yardstick_value"])
        assert (row["unit"], row["better"], row["repeats"]) == ("s", "lower", 1)


def test_markdown_shows_the_date_it_is_given() -> None:
    text = call(*START, "--format", "markdown", "--date", "1 May 2026")
    assert "1 May 2026" in text.splitlines()[0]
    assert "| start | buddysim --help |" in text


@pytest.mark.parametrize(
    "arguments",
    [["--only", "starts"], ["--format", "xml"], ["--date", "today"]],
    ids=["group", "format", "date without markdown"],
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        call(*arguments)

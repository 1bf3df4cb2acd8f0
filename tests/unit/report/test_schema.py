"""The report document against its schema."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from buddysim.cli.main import main
from buddysim.report.schema import report_schema

jsonschema = pytest.importorskip("jsonschema", reason="comes with the test extra")
TRACES = Path(__file__).resolve().parents[3] / "traces"


def report_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    main([*words, "--format", "json"])
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


@pytest.mark.parametrize("name", ["rogues", "citizens", "nowarn-debate"])
def test_replay_keeps_its_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(capsys, "replay", str(TRACES / f"{name}.trace"))
    jsonschema.validate(report, report_schema())
    asked = report["allocations"]
    assert sum(asked["by_gfp"].values()) == sum(asked["by_order"]) == asked["attempted"]


def test_samples_and_occupancy_are_parallel(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(capsys, "replay", str(TRACES / "manyfiles-6.12" / "trace.txt.zst"))
    jsonschema.validate(report, report_schema())
    samples = len(report["samples"])
    assert samples > 1
    assert all(len(row["pages"]) == samples for row in report["occupancy"])
    assert all(max(row["pages"]) == row["peak_pages"] > 0 for row in report["occupancy"])
    for sample in report["samples"]:
        assert len(sample["nr_free"]) == len(sample["unusable_index"]) == len(report["zones"])


def test_run_keeps_the_same_schema(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(capsys, "run", str(TRACES / "drivers" / "ring_refill.py"))
    jsonschema.validate(report, report_schema("run"))


@pytest.mark.parametrize(
    ("path", "value"),
    [(("build",), "fast"), (("seed",), "7"), (("allocations", "by_order"), [1]), (("zones",), {})],
)
def test_the_schema_refuses_other_shapes(
    path: tuple[str, ...], value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    report = copy.deepcopy(report_of(capsys, "replay", str(TRACES / "citizens.trace")))
    target = report
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, report_schema())

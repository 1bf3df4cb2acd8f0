"""SARIF and JUnit output read by other people's readers of these formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from junitparser import Failure, JUnitXml
from pydantic import BaseModel
from sarif_pydantic import Sarif

from buddysim.cli.main import main

TRACES = Path(__file__).parents[3] / "traces"
SUBJECTS = ("drivers/ring_refill_broken.py", "drivers/ring_refill.py", "rogues.trace")


def output(subject: str, shape: str, capsys: pytest.CaptureFixture[str]) -> str:
    strategy = [] if subject.endswith(".py") else ["--strategy", "site"]
    main(["explore", str(TRACES / subject), "--format", shape, "-q", *strategy])
    return capsys.readouterr().out


def unknown_members(model: BaseModel) -> Iterator[str]:
    """Members that the format does not know, anywhere below."""
    if type(model).__name__ != "PropertyBag":
        yield from (f"{type(model).__name__}.{name}" for name in model.model_extra or {})
    for name in type(model).model_fields:
        value = getattr(model, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, BaseModel):
                yield from unknown_members(each)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_sarif_validates(subject: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(subject, "sarif", capsys)
    log = Sarif.model_validate_json(text)
    assert str(json.loads(text)["version"]) == "2.1.0"
    assert list(unknown_members(log)) == []
    (run,) = log.runs
    rules = {rule.id for rule in run.tool.driver.rules or []}
    assert {result.rule_id for result in run.results or []} == rules


def test_a_wrong_level_would_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    document: dict[str, Any] = json.loads(output(SUBJECTS[0], "sarif", capsys))
    document["runs"][0]["results"][0]["level"] = "dire"
    with pytest.raises(ValueError, match="level"):
        Sarif.model_validate(document)
    document["runs"][0]["results"][0].update(level="error", colour="red")
    assert list(unknown_members(Sarif.model_validate(document))) == ["Result.colour"]


def test_sarif_points_at_the_callers_own_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(TRACES.parent)
    log = json.loads(output(SUBJECTS[0], "sarif", capsys))
    source = (TRACES / SUBJECTS[0]).read_text(encoding="utf-8").splitlines()
    places = [
        result["locations"][0]["physicalLocation"]
        for result in log["runs"][0]["results"]
        if result["level"] == "error"
    ]
    assert places
    for place in places:
        assert place["artifactLocation"]["uri"] == f"traces/{SUBJECTS[0]}"
        assert source[place["region"]["startLine"] - 1].strip()


def test_sarif_names_a_file_elsewhere_by_an_absolute_uri(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (TRACES / SUBJECTS[0]).as_uri() in output(SUBJECTS[0], "sarif", capsys)


@pytest.mark.parametrize(("subject", "fails"), [(SUBJECTS[0], True), (SUBJECTS[1], False)])
def test_junit_loads(subject: str, fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = JUnitXml.fromstring(output(subject, "junit", capsys).encode())
    cases = [case for suite in loaded for case in suite]
    failures = [each for case in cases for each in case.result if isinstance(each, Failure)]
    assert cases
    assert bool(failures) == fails
    assert all("buddysim run" in (each.text or "") for each in failures)

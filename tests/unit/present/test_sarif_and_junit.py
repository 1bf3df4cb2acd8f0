"""SARIF and JUnit output read by other people's readers of these formats."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import pytest
from junitparser import Failure, JUnitXml
from pysarif import PropertyBag, SarifLog

from buddysim.cli.main import main

TRACES = Path(__file__).parents[3] / "traces"
SUBJECTS = ("drivers/ring_refill_broken.py", "drivers/ring_refill.py", "rogues.trace")


def output(subject: str, shape: str, capsys: pytest.CaptureFixture[str]) -> str:
    strategy = [] if subject.endswith(".py") else ["--strategy", "site"]
    main(["explore", str(TRACES / subject), "--format", shape, "-q", *strategy])
    return capsys.readouterr().out


def faults_of(value: Any, wanted: Any, where: str) -> Iterator[str]:
    """Where a document departs from the classes that were generated from the official schema."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Union:
        yield from faults_of(value, next(each for each in inner if each is not type(None)), where)
    elif origin is list:
        for number, each in enumerate(value):
            yield from faults_of(each, inner[0], f"{where}[{number}]")
    elif origin is Literal:
        if value not in inner:
            yield f"{where}: {value!r} is none of {inner}"
    elif dataclasses.is_dataclass(wanted) and wanted is not PropertyBag:
        yield from faults_of_object(value, cast("type[Any]", wanted), where)
    elif wanted in (bool, float, int, str) and not isinstance(value, wanted):
        yield f"{where}: {value!r} is no {wanted.__name__}"


def faults_of_object(value: dict[str, Any], wanted: type[Any], where: str) -> Iterator[str]:
    """Unknown, missing and wrong members."""
    hints = get_type_hints(wanted)
    members = {}
    for each in dataclasses.fields(wanted):
        head, *tail = each.name.split("_")
        members["$schema" if each.name == "schema" else head + "".join(map(str.title, tail))] = each
    yield from (f"{where}.{name}: unknown" for name in value.keys() - members.keys())
    for name, each in members.items():
        if name in value:
            yield from faults_of(value[name], hints[each.name], f"{where}.{name}")
        elif each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING:
            yield f"{where}.{name}: missing"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_sarif_validates(subject: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(output(subject, "sarif", capsys))
    assert list(faults_of(log, SarifLog, "log")) == []
    (run,) = log["runs"]
    assert {result["ruleId"] for result in run["results"]} == {
        rule["id"] for rule in run["tool"]["driver"].get("rules", [])
    }


def test_what_is_wrong_with_a_sarif_log_would_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(output(SUBJECTS[0], "sarif", capsys))
    result = log["runs"][0]["results"][0]
    result.update(level="dire", colour="red", ruleId=7)
    del result["message"]
    assert [fault.partition(": ")[0] for fault in sorted(faults_of(log, SarifLog, "log"))] == [
        "log.runs[0].results[0].colour",
        "log.runs[0].results[0].level",
        "log.runs[0].results[0].message",
        "log.runs[0].results[0].ruleId",
    ]


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

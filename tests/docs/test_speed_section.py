"""README's Speed section is what ``buddysim bench --format markdown`` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.bench.limits import LIMITS
from buddysim.bench.suite import GROUPS, BenchOptions, races

README = Path(__file__).resolve().parents[2] / "README.md"
BY_MACHINE = ("instructions", "recordings", "explore", "perf.data", "trace.dat")
"""Groups that depend on the machine: what is installed, the recordings, how many processors."""


@pytest.fixture(scope="module")
def section() -> str:
    text = README.read_text(encoding="utf-8")
    return text.split("<!-- bench -->", 1)[1].split("<!-- /bench -->", 1)[0]


def test_the_rows_are_those_that_bench_measures(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = section.split("\n| promise |", 1)[0]
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    shown = [(row[0].removeprefix("| "), row[1]) for row in cells[1:]]
    groups = tuple(name for name in GROUPS if name not in BY_MACHINE)
    options = BenchOptions(quick="--quick" in section, groups=groups)
    monkeypatch.setattr("buddysim.bench.suite.core_build", lambda: "compiled")
    expected = [(race.group, race.name) for race in races(options)]
    assert [row for row in shown if row[0] not in BY_MACHINE] == expected


def test_build_machine_and_python_are_named(section: str) -> None:
    headline = section.strip().splitlines()[0]
    for word in ("core compiled", "Python 3.", "processors, load", "medians of"):
        assert word in headline


def test_every_limit_is_shown(section: str) -> None:
    for limit in LIMITS:
        if limit.build != "interpreted" and limit.group in section:
            assert f"\n| {limit.name} | " in section, limit.name

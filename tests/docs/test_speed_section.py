"""README's Speed section is what ``buddysim bench --format markdown`` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.bench.suite import GROUPS, BenchOptions, races

README = Path(__file__).resolve().parents[2] / "README.md"
BY_MACHINE = ("instructions", "perf.data")
"""Groups that need valgrind or perf, which the machine that tests may lack."""


@pytest.fixture(scope="module")
def section() -> str:
    text = README.read_text(encoding="utf-8")
    return text.split("<!-- bench -->", 1)[1].split("<!-- /bench -->", 1)[0]


def test_the_rows_are_those_that_bench_measures(section: str) -> None:
    cells = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")]
    shown = [(row[0].removeprefix("| "), row[1]) for row in cells[1:]]
    groups = tuple(name for name in GROUPS if name not in BY_MACHINE)
    options = BenchOptions(quick="--quick" in section, groups=groups)
    expected = [(race.group, race.name) for race in races(options)]
    assert [row for row in shown if row[0] not in BY_MACHINE] == expected


def test_build_machine_and_python_are_named(section: str) -> None:
    headline = section.strip().splitlines()[0]
    for word in ("core compiled", "Python 3.", "medians of"):
        assert word in headline

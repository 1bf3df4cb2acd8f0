"""Limits: which row counts, and when a limit is met."""

from __future__ import annotations

import pytest

from buddysim.bench.limits import LIMITS, Limit, Verdict, judged
from buddysim.bench.race import Row
from buddysim.bench.suite import GROUPS, Bench, BenchOptions, races

HELP = "--help, times importing typer and rich"
CORE = "core, times the lower bound, machines from 1G"
SCANNER = "scanner alone"
EVENT = "cost of an event, long or short trace, large or small machine"


def row(group: str, name: str, value: float, ratio: float = 0.0) -> Row:
    return Row(group, name, value, "s", "lower", "yardstick", 1.0, ratio, 5)


def verdict_of(name: str, *rows: Row, build: str = "compiled") -> Verdict:
    return next(each for each in judged(rows, GROUPS, build) if each.name == name)


def test_a_limit_upwards_and_one_downwards() -> None:
    assert verdict_of(HELP, row("start", "buddysim --help", 0.2, 1.3)).outcome == "met"
    assert verdict_of(HELP, row("start", "buddysim --help", 0.2, 1.31)).outcome == "missed"
    assert verdict_of(SCANNER, row("ingest", "ftrace text", 4e6)).outcome == "met"
    assert verdict_of(SCANNER, row("ingest", "ftrace text", 3.9e6)).outcome == "missed"


def test_the_worst_row_counts_and_is_named() -> None:
    ratios = {"core, 64M": 0.4, "core, 1G": 0.8, "core, 64G": 0.5, "allocator, 64G": 0.2}
    rows = [row("core", name, 1, ratio) for name, ratio in ratios.items()]
    found = verdict_of(CORE, *rows)
    assert (found.row, found.figure, found.outcome) == ("core, 64G", 2, "missed")


def test_what_is_to_be_the_same_may_neither_rise_nor_fall() -> None:
    rows = row("scaling", "long", 1, 0.5), row("scaling", "large", 1, 1.4)
    assert verdict_of(EVENT, *rows).figure == 2
    assert verdict_of(EVENT, rows[1]).outcome == "met"


def test_rows_of_another_name_or_group_are_not_judged() -> None:
    found = verdict_of(
        SCANNER, row("ingest", "ftrace text, zstd", 1), row("core", "ftrace text", 1)
    )
    assert (found.outcome, found.figure) == ("not measured", None)


def test_each_build_has_its_own_limits() -> None:
    compiled, interpreted = (
        {each.name for each in judged((), GROUPS, build)} for build in ("compiled", "interpreted")
    )
    assert EVENT in compiled & interpreted
    assert HELP in compiled - interpreted
    assert any("interpreted" in name for name in interpreted - compiled)


def test_groups_that_were_not_run_are_not_judged() -> None:
    assert {each.name for each in judged((), ("ingest",), "compiled")} == {SCANNER}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_race_has_what_each_limit_judges(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    if limit.needs:
        pytest.skip("a matter of the machine")
    monkeypatch.setattr("buddysim.bench.suite.core_build", lambda: limit.build or "compiled")
    options = BenchOptions(quick=True, groups=(limit.group,))
    rows = [row(race.group, race.name, 1, 1) for race in races(options)]
    found = next(
        each for each in judged(rows, GROUPS, limit.build or "compiled") if each.name == limit.name
    )
    assert found.outcome != "not measured"


def test_only_a_missed_limit_is_a_promise_broken() -> None:
    def bench(*outcomes: str) -> Bench:
        limits = tuple(
            Verdict("n", 1.0, "most", 1.0, "s", outcome, "row")  # type: ignore[arg-type] # words
            for outcome in outcomes
        )
        return Bench("1", "compiled", "cpu", 2, 0.0, "3", False, (), limits, ())

    assert bench("met", "not measured").kept
    assert not bench("met", "missed").kept

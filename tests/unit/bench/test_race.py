"""Races: medians, pairs, which way is good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from buddysim.bench.race import Race, Run, run_race
from buddysim.bench.suite import GROUPS, BenchOptions, races, run_bench
from buddysim.errors import ConfigError


def race(unit: str, ours: list[float], theirs: list[float], order: list[str]) -> Race:
    def turns(name: str, times: Iterator[float]) -> Run:
        def run() -> float:
            order.append(name)
            return next(times)

        return run

    def prepare(_folder: Path) -> tuple[Run, Run | None]:
        return turns("ours", iter(ours)), turns("theirs", iter(theirs)) if theirs else None

    return Race("group", "name", unit, 100, "yardstick", prepare)


def test_rates_are_work_by_time_and_the_ratio_is_the_median_of_pairs(tmp_path: Path) -> None:
    order: list[str] = []
    row = run_race(race("events/s", [1, 2, 4], [2, 8, 4], order), tmp_path, 3)
    assert (row.value, row.yardstick_value, row.better) == (50, 25, "higher")
    assert row.ratio == 2
    assert order == ["ours", "theirs"] * 3


def test_seconds_are_time_by_work(tmp_path: Path) -> None:
    row = run_race(race("s", [300], [200], []), tmp_path, 1)
    assert (row.value, row.ratio, row.better) == (3, 1.5, "lower")


def test_nothing_to_hold_against_means_no_ratio(tmp_path: Path) -> None:
    row = run_race(race("s", [1, 1], [], []), tmp_path, 2)
    assert (row.yardstick, row.yardstick_value, row.ratio) == ("", 0, 0)


def test_quick_leaves_out_the_large_machine_and_only_chooses_groups() -> None:
    full = [each.name for each in races(BenchOptions(groups=("core", "replay")))]
    quick = [each.name for each in races(BenchOptions(quick=True, groups=("core",)))]
    assert any("64G" in name for name in full)
    assert quick == [name for name in full[: len(full)] if name in quick and "64G" not in name]
    assert {each.group for each in races(BenchOptions(groups=("scaling",)))} == {"scaling"}


def test_an_interpreted_build_gets_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    works = []
    for build in ("compiled", "interpreted"):
        monkeypatch.setattr("buddysim.bench.suite.core_build", lambda build=build: build)
        works.append(next(races(BenchOptions(groups=("core",)))).work)
    assert works[0] == 10 * works[1]


def test_what_cannot_be_raced_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    groups = ("perf.data", "trace.dat")
    found = run_bench(BenchOptions(1, True, groups))
    assert found.rows == ()
    assert [line.rpartition(": ")[2] for line in found.left_out] == [
        "perf is not installed",
        "trace-cmd is not installed",
    ]
    if found.build == "compiled":
        assert {verdict.outcome for verdict in found.limits} == {"not measured"}
    assert found.kept


def test_every_race_is_held_against_something_and_named_once() -> None:
    chosen = list(races(BenchOptions()))
    assert all(each.yardstick for each in chosen)
    assert len({(each.group, each.name) for each in chosen}) == len(chosen)
    assert {each.group for each in chosen} <= set(GROUPS)


def test_an_unknown_group_is_an_error() -> None:
    with pytest.raises(ConfigError, match="one of core"):
        list(races(BenchOptions(groups=("cores",))))

"""The races of ``buddysim bench``, held to what the project promises.

Rates differ from machine to machine, ratios measured in turns hardly do: ratios and counts are
asserted, and rates only by a margin that a busy machine does not use up.  The promises themselves
are judged by ``buddysim bench --check``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from buddysim.bench.race import Race, Row, Unavailable, run_race
from buddysim.bench.recordings import recordings
from buddysim.bench.scaling import scaling_races
from buddysim.bench.suite import QUICK_GROUPS, BenchOptions, races
from buddysim.replay.engine import core_build

pytestmark = pytest.mark.benchmark

COMPILED = core_build() == "compiled"
QUICK = {
    (race.group, race.name): race for race in races(BenchOptions(quick=True, groups=QUICK_GROUPS))
}
compiled_only = pytest.mark.skipif(not COMPILED, reason="the promise is the compiled build's")


def run(race: Race, folder: Path, repeats: int = 3) -> Row:
    """One race; what it said is shown with ``pytest -s``."""
    try:
        row = run_race(race, folder, repeats)
    except Unavailable as reason:
        pytest.skip(str(reason))
    sys.stdout.write(f"\n{row.group}: {row.name}: {row.value:.4g} {row.unit}, x{row.ratio:.3f}\n")
    return row


def only(group: str, beginning: str = "") -> Race:
    """The first race of a group whose name begins so."""
    return next(
        race for (of, name), race in QUICK.items() if of == group and name.startswith(beginning)
    )


@compiled_only
@pytest.mark.parametrize(("name", "least"), [("core, 64M", 0.25), ("allocator, 64M", 0.12)])
def test_the_allocator_is_near_its_lower_bound(tmp_path: Path, name: str, least: float) -> None:
    assert run(QUICK["core", name], tmp_path, 5).ratio > least


FORMATS = [name for group, name in QUICK if group == "ingest" and not name.endswith("by size")]
READ_IN_PYTHON = 1 / 3
"""Formats that are not read by compiled code, at worst."""


@pytest.mark.parametrize("name", FORMATS)
def test_reading_beats_regular_expressions(tmp_path: Path, name: str) -> None:
    row = run(QUICK["ingest", name], tmp_path)
    text = name.startswith(("ftrace", "perf script"))
    assert row.ratio > ((4 if text else 1) if COMPILED else READ_IN_PYTHON)


@compiled_only
@pytest.mark.parametrize("name", ["ftrace text,", "ftrace text with stacks,"])
def test_a_text_becomes_a_report_faster_than_it_is_split(tmp_path: Path, name: str) -> None:
    assert run(only("report", name), tmp_path, 1).ratio > 2


@pytest.mark.parametrize("placement", ["model", "recorded"])
def test_a_replay_is_fast_enough(tmp_path: Path, placement: str) -> None:
    row = run(QUICK["replay", f"{placement} placement, 64M"], tmp_path)
    assert row.value > (2e6 if COMPILED else 0.1e6)


def test_findings_cost_next_to_nothing(tmp_path: Path) -> None:
    without = run(QUICK["replay", "recorded placement, 64M"], tmp_path)
    assert run(QUICK["replay", "recorded placement and findings, 64M"], tmp_path).value > (
        without.value / 2
    )


@pytest.mark.skipif(not recordings(), reason="no recordings: neither traces/ nor BUDDYSIM_ORACLE")
def test_a_recording_replays_fast_enough(tmp_path: Path) -> None:
    name = f"{recordings()[0].name}, 1G, model placement and findings"
    row = run(QUICK["recordings", name], tmp_path)
    assert row.value > (4e6 if COMPILED else 0.1e6)


def test_exploring_beats_replaying_once_for_each_failure(tmp_path: Path) -> None:
    assert run(only("explore"), tmp_path, 1).ratio > (2 if COMPILED else 1)


def test_more_jobs_cost_little_where_there_is_nothing_to_gain(tmp_path: Path) -> None:
    jobs = [race for (group, name), race in QUICK.items() if group == "explore"][1]
    assert run(jobs, tmp_path, 1).ratio > 0.5


def test_help_starts_as_fast_as_the_imports_every_tool_needs(tmp_path: Path) -> None:
    assert run(QUICK["start", "buddysim --help"], tmp_path, 5).ratio < 1.5


def test_a_large_machine_fits_into_500_megabytes_and_starts_soon(tmp_path: Path) -> None:
    assert run(QUICK["memory", "a machine of 64G"], tmp_path, 1).value < 500
    if COMPILED:
        assert run(QUICK["start", "a machine of 64G"], tmp_path).value < 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "race", list(scaling_races((100_000, 1_000_000), (64 << 20, 64 << 30))), ids=lambda r: r.name
)
def test_an_event_costs_no_more_in_long_traces_and_on_large_machines(
    tmp_path: Path, race: Race
) -> None:
    assert run(race, tmp_path).ratio < 1.5


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    longer = next(race for (_, name), race in QUICK.items() if "times longer" in name)
    assert run(longer, tmp_path, 1).ratio < 1.2


@compiled_only
def test_a_report_is_not_much_slower_than_perf_kmem(tmp_path: Path) -> None:
    assert run(only("perf.data"), tmp_path).ratio < 5


def test_the_expected_build_was_measured() -> None:
    assert os.environ.get("BUDDYSIM_EXPECT_CORE", core_build()) == core_build()

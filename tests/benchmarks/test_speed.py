"""The races of ``buddysim bench``, held to what the project promises.

Rates differ from machine to machine, ratios measured in turns hardly do: only ratios and counts
are asserted, and loosely, so that a busy machine does not fail them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from buddysim.bench.race import Race, Row, run_race
from buddysim.bench.scaling import SCALING_LIMIT, scaling_races
from buddysim.bench.suite import BenchOptions, races
from buddysim.replay.engine import core_build

pytestmark = pytest.mark.benchmark

TIMED = ("core", "ingest", "replay", "explore", "start", "memory")
COMPILED = core_build() == "compiled"
QUICK = {race.name: race for race in races(BenchOptions(quick=True, groups=TIMED))}
compiled_only = pytest.mark.skipif(not COMPILED, reason="the promise is the compiled build's")


def run(race: Race, folder: Path, repeats: int = 3) -> Row:
    """One race; what it said is shown with ``pytest -s``."""
    row = run_race(race, folder, repeats)
    sys.stdout.write(f"\n{row.group}: {row.name}: {row.value:.4g} {row.unit}, x{row.ratio:.3f}\n")
    return row


@compiled_only
@pytest.mark.parametrize(("name", "least"), [("core, 64M", 0.25), ("allocator, 64M", 0.12)])
def test_the_allocator_is_near_its_lower_bound(tmp_path: Path, name: str, least: float) -> None:
    assert run(QUICK[name], tmp_path, 5).ratio > least


def test_reading_beats_regular_expressions(tmp_path: Path) -> None:
    row = run(QUICK["ftrace text"], tmp_path)
    assert row.ratio > (4 if COMPILED else 1)


def test_an_interpreted_replay_is_fast_enough(tmp_path: Path) -> None:
    row = run(QUICK["model placement, 64M"], tmp_path)
    assert row.value > (1e6 if COMPILED else 0.1e6)


def test_exploring_beats_replaying_once_for_each_failure(tmp_path: Path) -> None:
    assert run(QUICK["recording of 3,000 events"], tmp_path, 1).ratio > 2


def test_help_starts_as_fast_as_the_imports_every_tool_needs(tmp_path: Path) -> None:
    assert run(QUICK["buddysim --help"], tmp_path, 5).ratio < 1.5


def test_a_large_machine_fits_into_500_megabytes(tmp_path: Path) -> None:
    assert run(QUICK["a machine of 64G"], tmp_path, 1).value < 500


@pytest.mark.slow
@pytest.mark.parametrize("race", list(scaling_races((100_000, 1_000_000), (64 << 20, 64 << 30))))
def test_an_event_costs_the_same_in_long_traces_and_on_large_machines(
    tmp_path: Path, race: Race
) -> None:
    assert run(race, tmp_path).ratio < SCALING_LIMIT


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    short, long = (race for race in QUICK.values() if race.name.startswith("streaming"))
    grown = run(long, tmp_path, 1).value - run(short, tmp_path, 1).value
    assert grown < 10, "megabytes"


def test_the_expected_build_was_measured() -> None:
    assert os.environ.get("BUDDYSIM_EXPECT_CORE", core_build()) == core_build()

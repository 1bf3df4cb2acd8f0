"""Exploring a recording by undo log: the same as full replays, and nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from buddysim.errors import ConfigError
from buddysim.mm.spec import MachineSpec, Sysctl
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.exploration import Attempt, Exploration, ExploreOptions
from buddysim.replay.explore_trace import explore_trace
from buddysim.replay.outcome import RunResult
from buddysim.source.event import Trace
from buddysim.source.open import open_trace

TRACE = Path(__file__).parents[3] / "traces" / "manyfiles-6.12" / "trace.txt.zst"
SMALL = MachineSpec.from_mem(4 << 20, profile="6.12", sysctl=Sysctl(min_free_kbytes=1500))
"""So small that requests enter the slow path, and some sleep until there is memory."""

Row = tuple[int, str, str, str]


def reopen() -> Trace:
    return open_trace(str(TRACE))


def rows_of(run: RunResult) -> list[Row]:
    return [(row.event, row.caller, row.origin, row.cause) for row in run.failures]


def explore(config: ReplayConfig, **options: object) -> Exploration:
    return explore_trace(reopen, config, replace(ExploreOptions(), **options), rows_of)  # type: ignore[arg-type]  # keyword by keyword


def in_full(config: ReplayConfig, attempt: Attempt, horizon: int) -> list[Row]:
    """The failures of a whole replay with the same fault, as far as the horizon goes."""
    word = "nth" if attempt.schedule == "transient" else "from"
    fault = f"caller={attempt.point.caller},{word}={attempt.point.nth}"
    rows = rows_of(replay(reopen(), replace(config, faults=(fault,))))
    first = next(event for event, _, origin, _ in rows if origin == "injected")
    return [row for row in rows if first <= row[0] <= first + horizon]


def without_sequels(rows: list[Row]) -> list[Row]:
    """Less the later failures of a persistent fault, which nobody acts upon."""
    first = next(row for row in rows if row[2] == "injected")
    return [row for row in rows if row is first or row[2] != "injected"]


@pytest.mark.parametrize("config", [ReplayConfig(), ReplayConfig(machine_spec=SMALL)])
def test_a_life_is_a_full_replay_as_far_as_its_horizon(config: ReplayConfig) -> None:
    found = explore(config, strategy="random:40", seed=3)
    assert len(found.attempts) >= 4
    for attempt in found.attempts:
        expected = in_full(config, attempt, found.options.horizon)
        assert attempt.judged == without_sequels(expected)


@pytest.mark.parametrize("action", ["drop", "retry:2,drop", "fallback:0"])
def test_declared_callers_act_as_in_a_full_replay(tmp_path: Path, action: str) -> None:
    callers = tmp_path / "callers.toml"
    callers.write_text(f'[[caller]]\nglob = "*"\non_failure = "{action}"\n', encoding="utf-8")
    config = ReplayConfig(machine_spec=SMALL, callers_file=str(callers))
    found = explore(config, strategy="random:20", seed=5)
    assert any(len(attempt.judged) > 1 for attempt in found.attempts)
    for attempt in found.attempts:
        assert attempt.judged == in_full(config, attempt, found.options.horizon)


def test_the_small_machine_is_short_of_memory() -> None:
    assert replay(reopen(), ReplayConfig(machine_spec=SMALL)).reconciled["waited_for_memory"] > 50


def test_every_allocation_is_failed_and_nothing_remains() -> None:
    """That the pass ends as a run without failures does is checked by the exploration itself."""
    found = explore(ReplayConfig(machine_spec=SMALL), limit=250)
    assert sum(each.failed_points for each in found.coverage().values()) == 250
    assert sum(each.runs for each in found.coverage().values()) == 500
    assert sum(found.ends().values()) == 500


def test_two_processes_find_what_one_finds() -> None:
    one = explore(ReplayConfig(machine_spec=SMALL), limit=120)
    two = explore(ReplayConfig(machine_spec=SMALL), limit=120, jobs=2)
    assert two.coverage() == one.coverage()
    assert two.ends() == one.ends()
    assert two.attempts == one.attempts


def test_the_horizon_bounds_what_is_seen() -> None:
    for horizon in (0, 50):
        found = explore(ReplayConfig(machine_spec=SMALL), limit=60, horizon=horizon)
        for attempt in found.attempts:
            events = [row[0] for row in attempt.judged]
            assert max(events) - min(events) <= horizon


def test_a_site_is_failed_once_more_under_pressure() -> None:
    roomy = explore(ReplayConfig(), strategy="site", schedules=("transient",))
    tight = explore(ReplayConfig(machine_spec=SMALL), strategy="site", schedules=("transient",))
    plain = sum(each.failed_points for each in roomy.coverage().values())
    pressed = sum(each.failed_points for each in tight.coverage().values())
    assert len(roomy.coverage()) <= plain < pressed <= 2 * plain


def test_until_first_stops_at_a_finding() -> None:
    found = explore(ReplayConfig(), until_first=True)
    assert sum(each.runs for each in found.coverage().values()) <= 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_what_is_known_so_far(jobs: int) -> None:
    calls = []

    def interrupt(done: int, _total: int) -> None:
        calls.append(done)
        if len(calls) == 1:
            raise KeyboardInterrupt

    config = ReplayConfig(machine_spec=SMALL)
    options = ExploreOptions(jobs=jobs, schedules=("transient",), horizon=10)
    found = explore_trace(reopen, config, options, rows_of, interrupt)
    assert found.interrupted
    runs = sum(each.runs for each in found.coverage().values())
    assert 0 < runs < sum(each.points for each in found.coverage().values())


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ConfigError, match="strategy most"):
        explore(ReplayConfig(), strategy="most")

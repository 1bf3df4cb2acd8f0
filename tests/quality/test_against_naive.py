"""Exploring scripts against the naive method: every failure a whole run from the start."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from buddysim.cli.explore import explore_file
from buddysim.findings.exploration import explored_findings, judge
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import Attempt, Exploration, ExploreOptions, Point
from buddysim.replay.run_script import run_script

_TESTS = Path(__file__).resolve().parents[1]
_SAMPLE = 8
_TIMES_FASTER = 20

ENTANGLED = """
state = {"n": 0}
slots = [None] * 3
@caller(transaction=True, trigger=every("1ms", times=8))
def overlaps(mm):
    first = mm.alloc_page("GFP_NOWAIT")
    yield mm.sleep("2500us")
    if first is None:
        return -errno.ENOMEM
    second = mm.alloc_page("GFP_NOWAIT")
    yield mm.sleep("700us")
    if second is None:
        return -errno.ENOMEM
    mm.free_page(second)
    mm.free_page(first)
@caller(trigger=every("700us", times=12))
def rotates(mm):
    state["n"] += 1
    slot = state["n"] % 3
    if slots[slot] is None:
        slots[slot] = mm.kmalloc(9000, "GFP_ATOMIC")
        if slots[slot] is None and state["n"] % 2:
            mm.count("late")
        return
    if state["n"] > 6:
        slots[slot].touch()
    mm.kfree(slots[slot])
    if state["n"] != 9:
        slots[slot] = None
@caller(trigger=every("1100us", times=6, start="300us"))
def looks_at_slots(mm):
    if slots[0] is None and slots[1] is None:
        page = mm.alloc_page("GFP_ATOMIC")
        page.touch()
        mm.free_page(page)
"""
TWO_THOUSAND = """
slots = [None] * 8
stats = {"n": 0}
@caller(context="softirq", trigger=every("1ms", times=500))
def rx(mm):
    slot = stats["n"] % 8
    stats["n"] += 1
    if slots[slot] is not None:
        mm.free_pages(slots[slot])
        slots[slot] = None
    page = mm.alloc_pages(order=1, gfp="GFP_ATOMIC")
    if page is None:
        mm.count("drop")
        return
    slots[slot] = page
    WAIT("300us")
    page.touch()
@caller(transaction=True, trigger=every("1ms", times=500))
def tx(mm):
    got = []
    for _ in range(3):
        page = mm.kmalloc(5000)
        if page is None:
            for each in got[1:]:
                mm.kfree(each)
            return -errno.ENOMEM
        got.append(page)
        WAIT("400us")
    for each in got:
        mm.kfree(each)
"""


def _pairs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pairs", _TESTS / "scenarios" / "pairs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAIRS = _pairs()
SCENARIOS = {
    **PAIRS.PAIRS,
    "entangled": ENTANGLED,
    "plain": TWO_THOUSAND.replace("500", "14").replace("WAIT(", "str("),
    "waiting": TWO_THOUSAND.replace("500", "14").replace("WAIT(", "yield mm.sleep("),
}


def naive(path: str, points: Sequence[Point]) -> list[Attempt]:
    """Failures of some allocations, each in a run of its own."""
    attempts = []
    for point in points:
        for schedule, word in (("transient", "nth"), ("persistent", "from")):
            run = run_script(path, ReplayConfig(faults=(f"{word}:{point.number}",)))
            attempts.append(Attempt(point, schedule, judge(run)))
    return attempts


def keys(found: Exploration) -> list[tuple[str, str, int]]:
    return sorted((f.code, f.caller, f.evidence[0].line) for f in explored_findings(found))


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scenario.py"
    path.write_text(PAIRS.HEAD + text)
    return str(path)


@pytest.mark.minutes
@pytest.mark.parametrize("name", SCENARIOS)
def test_findings_are_those_of_naive_runs(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, SCENARIOS[name])
    found = explore_file(path, ReplayConfig(), ExploreOptions())
    full = replace(found, attempts=naive(path, found.points))
    assert keys(found) == keys(full)


def processor_seconds() -> float:
    """Of this process and its children."""
    return sum(os.times()[:4])


@pytest.mark.minutes
@pytest.mark.parametrize("wait", ["str(", "yield mm.sleep("])
def test_two_thousand_allocations_cost_a_twentieth(wait: str, tmp_path: Path) -> None:
    """One job, both schedules; the naive runs' time is taken from a sample of the points."""
    path = written(tmp_path, TWO_THOUSAND.replace("WAIT(", wait))
    begun = processor_seconds()
    found = explore_file(path, ReplayConfig(), ExploreOptions(jobs=1))
    ours = processor_seconds() - begun
    assert len(found.points) == 2000
    assert len(found.attempts) == 4000
    assert "horizon" not in found.ends()
    begun = processor_seconds()
    naive(path, found.points[100 :: 2000 // _SAMPLE])
    theirs = (processor_seconds() - begun) * 2000 / _SAMPLE
    assert theirs > _TIMES_FASTER * ours

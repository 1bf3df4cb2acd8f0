"""Exploration against its naive twin: every failure a whole run from the start."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from buddysim.cli.explore import explore_file
from buddysim.cli.main import main
from buddysim.errors import ConfigError
from buddysim.findings.exploration import explored_findings, judge
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import Attempt, Exploration, ExploreOptions
from buddysim.replay.run_script import run_script

DRIVERS = Path(__file__).resolve().parents[3] / "traces" / "drivers"
HEAD = "from buddysim.caller import caller, every\nimport errno\n"

SHARED_SLOT = """
slot = [None]
@caller(trigger=every("1ms", times=6))
def producer(mm):
    slot[0] = mm.alloc_page("GFP_NOWAIT")
    if slot[0] is None:
        mm.count("late")
@caller(trigger=every("1ms", times=6, start="500us"))
def consumer(mm):
    slot[0].touch()
    mm.free_page(slot[0])
"""
COUNTER = """
seen = {"n": 0}
@caller(transaction=True, trigger=every("1ms", times=9))
def third_time_leaks(mm):
    seen["n"] += 1
    a = mm.alloc_page()
    if a is None:
        return -errno.ENOMEM
    b = mm.alloc_page()
    if b is None:
        if seen["n"] % 3:
            mm.free_page(a)
        return -errno.ENOMEM
    mm.free_page(a)
    mm.free_page(b)
"""
WAITING = """
@caller(trigger=every("1ms", times=4))
def waits(mm):
    page = mm.alloc_pages(1, "GFP_ATOMIC")
    yield mm.sleep("3ms")
    if page is None:
        mm.count("lost")
        return
    mm.free_pages(page)
    mm.free_pages(page)
"""
STREAK = """
def get(mm):
    for order in (2, 1, 0):
        page = mm.alloc_pages(order, "GFP_ATOMIC|__GFP_NOWARN")
        if page is not None:
            return page
@caller(transaction=True, trigger=every("1ms", times=3))
def falls_back(mm):
    page = get(mm)
    mm.free_pages(page)
"""


def scenarios(tmp_path: Path) -> list[str]:
    """The shipped drivers and four small ones."""
    paths = sorted(str(path) for path in DRIVERS.glob("*.py"))
    for number, text in enumerate((SHARED_SLOT, COUNTER, WAITING, STREAK)):
        path = tmp_path / f"small{number}.py"
        path.write_text(HEAD + text)
        paths.append(str(path))
    return paths


def naive(path: str, found: Exploration) -> Exploration:
    """The same points, each failed in a run of its own."""
    attempts = []
    for point in found.points:
        for schedule, fault in (
            ("transient", f"nth:{point.number}"),
            ("persistent", f"from:{point.number}"),
        ):
            run = run_script(path, ReplayConfig(faults=(fault,)))
            attempts.append(Attempt(point, schedule, judge(run)))
    return replace(found, attempts=attempts)


def keys(found: Exploration) -> list[tuple[str, str, int]]:
    return sorted((f.code, f.caller, f.evidence[0].line) for f in explored_findings(found))


def test_ten_scenarios_give_the_same_findings_as_naive_runs(tmp_path: Path) -> None:
    paths = scenarios(tmp_path)
    assert len(paths) == 10
    for path in paths:
        found = explore_file(path, ReplayConfig(), ExploreOptions())
        assert keys(found) == keys(naive(path, found)), path
        assert not [each.trouble for each in found.attempts if each.trouble]


def test_jobs_do_not_change_the_findings(tmp_path: Path) -> None:
    path = scenarios(tmp_path)[-3]
    one, two = (explore_file(path, ReplayConfig(), ExploreOptions(jobs=n)) for n in (1, 2))
    assert keys(one) == keys(two)
    assert len(one.attempts) == len(two.attempts)


def test_strategies_and_limits(tmp_path: Path) -> None:
    path = str(DRIVERS / "ring_refill_broken.py")

    def points(**how: object) -> int:
        found = explore_file(path, ReplayConfig(), ExploreOptions(**how))  # type: ignore[arg-type]  # a test table
        return sum(each.failed_points for each in found.coverage().values())

    assert points(strategy="site") == 4
    assert points(strategy="random:5") == 5
    assert points(limit=3) == 3
    assert points(caller="rx_st*") == 12
    with pytest.raises(ConfigError, match="random:N"):
        points(strategy="often")


def test_until_first_stops_early() -> None:
    path = str(DRIVERS / "fs_transaction_broken.py")
    found = explore_file(path, ReplayConfig(), ExploreOptions(until_first=True))
    assert 0 < len(found.attempts) < 2 * len(found.points)


def test_an_unstable_caller_is_told(tmp_path: Path) -> None:
    path = tmp_path / "unstable.py"
    path.write_text(
        HEAD + "import random\n@caller\ndef dice(mm):\n"
        "    for _ in range(20):\n"
        "        page = mm.alloc_pages(random.randrange(4))\n"
        "        if page is None:\n            mm.count('none')\n"
        "        mm.free_pages(page)\n"
    )
    found = explore_file(str(path), ReplayConfig(), ExploreOptions(limit=1))
    assert [each.code for each in explored_findings(found) if each.code == "BS902"] == ["BS902"]


def test_trace_exploration_finds_what_a_script_ignores(tmp_path: Path) -> None:
    path = tmp_path / "small.trace"
    path.write_text(
        "@machine mem=16M\n@caller rx context=softirq on_failure=ignore\n"
        "0.001 rx alloc a gfp=GFP_ATOMIC\n+1us rx use a\n+1us rx free a\n"
    )
    found = explore_file(str(path), ReplayConfig(), ExploreOptions())
    assert {each.code for each in explored_findings(found)} == {"BS101"}


def test_outputs_hold_together(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(DRIVERS / "fs_transaction_broken.py")
    texts = {}
    for shape in ("json", "sarif", "junit", "prometheus"):
        assert main(["explore", path, "--format", shape, "-q"]) == 1
        texts[shape] = capsys.readouterr().out
    document = json.loads(texts["json"])
    assert document["schema"] == "buddysim/explore/1"
    results = json.loads(texts["sarif"])["runs"][0]["results"]
    assert len(results) == len(document["findings"])
    place = results[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("fs_transaction_broken.py")
    assert place["region"]["startLine"] > 1
    suite = ElementTree.fromstring(texts["junit"]).find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "5"
    assert "buddysim_caller_mishandles" in texts["prometheus"]

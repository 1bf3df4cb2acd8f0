"""Every format tells the same plan."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from buddysim.bench.files import Sample, sample
from buddysim.source.event import EventBatch
from buddysim.source.open import open_trace

CYCLES = 2
COLUMNS = ("kind", "pfn", "order", "gfp", "migratetype")


def read(path: Path) -> tuple[EventBatch, list[tuple[str, ...]]]:
    """All rows as one batch, and the call chains."""
    trace = open_trace(str(path))
    joined = EventBatch()
    for batch in trace.batches():
        for name in EventBatch.columns:
            getattr(joined, name).extend(getattr(batch, name))
    return joined, trace.tables.stacks


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, EventBatch]:
    made = sample(tmp_path_factory.mktemp("plan"), "plan.txt", CYCLES)
    return made, read(made.path)[0]


def test_cycles_follow_each_other_in_time(plan: tuple[Sample, EventBatch]) -> None:
    made, rows = plan
    assert made.bytes == made.path.stat().st_size
    assert made.lines == made.path.read_text().count("\n")
    assert list(rows.time_ns) == sorted(rows.time_ns)
    assert rows.time_ns[len(rows) // CYCLES] == 10**9
    half = len(rows) // CYCLES
    assert rows.pfn[:half] == rows.pfn[half:]


@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.zst", ".perf", ".data", ".dat", ".bst"])
def test_a_format_tells_the_same(
    plan: tuple[Sample, EventBatch], suffix: str, tmp_path: Path
) -> None:
    made = sample(tmp_path, f"plan{suffix}", CYCLES)
    rows, _ = read(made.path)
    for name in COLUMNS:
        assert getattr(rows, name) == getattr(plan[1], name), name
    has_comments = suffix.startswith(".txt")
    assert made.lines == (plan[0].lines if has_comments else len(rows))


@pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="needs trace-cmd")
def test_trace_cmd_prints_the_same(tmp_path: Path) -> None:
    made = sample(tmp_path, "plan.dat", 1).path
    told = tmp_path / "told.txt"
    with told.open("wb") as out:
        subprocess.run(["trace-cmd", "report", "-t", "-i", str(made)], stdout=out, check=True)
    one, two = read(made)[0], read(told)[0]
    for name in (*COLUMNS, "time_ns", "cpu"):
        assert getattr(one, name) == getattr(two, name), name


def test_each_event_has_its_call_chain(plan: tuple[Sample, EventBatch], tmp_path: Path) -> None:
    rows, stacks = read(sample(tmp_path, "stacks.txt", CYCLES).path)
    assert rows.pfn == plan[1].pfn
    assert all(rows.stack)
    assert len(stacks) > 1000


def test_a_file_is_made_once(tmp_path: Path) -> None:
    first = sample(tmp_path, "plan.bst", 1)
    made_at = first.path.stat().st_mtime_ns
    assert sample(tmp_path, "plan.bst", 1) == first
    assert first.path.stat().st_mtime_ns == made_at

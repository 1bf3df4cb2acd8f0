"""Recordings: which are found, and the plan that their yardstick runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.bench.plan import FREE
from buddysim.bench.recordings import plan_of, recordings
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta


def test_a_folder_without_both_recordings_leaves_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BUDDYSIM_ORACLE", str(tmp_path))
    (tmp_path / "ftrace" / "oom").mkdir(parents=True)
    (tmp_path / "ftrace" / "oom" / "trace.txt.zst").touch()
    assert [folder.name for folder in recordings()] == ["oom-6.12"]
    (tmp_path / "ftrace" / "pagecache").mkdir()
    (tmp_path / "ftrace" / "pagecache" / "trace.txt.zst").touch()
    assert [folder.name for folder in recordings()] == ["oom", "pagecache"]


class Recording:
    """Two blocks taken, one failed; one given back, and one that was there before."""

    meta = TraceMeta("x", "packed")
    tables = Tables()

    def batches(self) -> list[EventBatch]:
        batch = EventBatch()
        for kind, pfn, order in (
            (EventKind.ALLOC, 8, 3),
            (EventKind.ALLOC, -1, 0),
            (EventKind.FREE, 100, 0),
            (EventKind.ALLOC, 32, 0),
            (EventKind.FREE, 8, 3),
        ):
            batch.append(int(kind), time_ns=0, pfn=pfn, order=order)
        return [batch]


def test_the_plan_has_what_was_taken_and_given_back() -> None:
    plan = plan_of(Recording())  # type: ignore[arg-type] # a list is iterator enough
    assert list(zip(plan.order, plan.slot, strict=True)) == [(3, 0), (0, 1), (FREE, 0)]
    assert plan.nr_slots == 2

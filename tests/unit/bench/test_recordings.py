"""Recordings: which are found, and the plan that their yardstick runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.bench import recordings as module
from buddysim.bench.plan import FREE
from buddysim.bench.recordings import plan_of, recordings
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta


def test_a_folder_without_both_recordings_leaves_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout, oracle = tmp_path / "checkout", tmp_path / "oracle"
    monkeypatch.setattr(module, "_CHECKOUT", checkout)
    monkeypatch.setenv("BUDDYSIM_ORACLE", str(oracle))
    _lay(oracle / "ftrace" / "oom")
    assert recordings() == ()
    _lay(checkout / "traces" / "oom-6.12")
    assert [folder.name for folder in recordings()] == ["oom-6.12"]
    _lay(oracle / "ftrace" / "pagecache")
    assert [folder.name for folder in recordings()] == ["oom", "pagecache"]


def _lay(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "trace.txt.zst").touch()


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

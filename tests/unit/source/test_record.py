"""What a recording keeps of /proc, and what it says it could not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.source import record
from buddysim.source.open import open_trace
from buddysim.source.packed import PackedTrace
from buddysim.source.page_map import PageKind, PageMap
from buddysim.source.record import Recording, Snapshot, take_snapshot, write_recording

PAGES = PageMap(bytes([PageKind.FREE] * 8))
EVENT = " sh-1 [000] .....  1.000001: mm_page_free: page=1 pfn=0x10 order=2\n"


def test_a_page_map_that_may_not_be_read_is_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> PageMap:
        raise PermissionError

    monkeypatch.setattr(record, "read_page_map", forbidden)
    missing: list[str] = []
    snapshots = [take_snapshot(missing, page_map=True) for _ in range(2)]
    assert missing.count("kpageflags") == 1
    assert all(snapshot.pages is None for snapshot in snapshots)
    assert "Node 0" in snapshots[0].texts["buddyinfo"]


def test_without_a_page_map_none_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "read_page_map", lambda: pytest.fail("read all the same"))
    missing: list[str] = []
    snapshot = take_snapshot(missing, page_map=False)
    assert snapshot.pages is None
    assert "kpageflags" not in missing
    assert snapshot.seconds >= 0


def recording(folder: Path, text: str) -> Recording:
    path = folder / "trace.txt"
    path.write_text(text, encoding="ascii")
    before = Snapshot({"buddyinfo": "before\n"}, PAGES, 0.1)
    after = Snapshot({"vmstat": "after\n"}, None, 0.1)
    return Recording(path, before, after, seconds=1.0, lost_events=5)


def test_everything_goes_into_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "x.bst")
    assert write_recording(recording(tmp_path, EVENT * 3), path) == 3
    trace = open_trace(path)
    assert isinstance(trace, PackedTrace)
    kept = trace.snapshots()
    assert set(kept) == {"buddyinfo.before.txt", "kpageflags.before.map", "vmstat.after.txt"}
    assert PageMap.unpacked(kept["kpageflags.before.map"]) == PAGES
    assert kept["vmstat.after.txt"] == b"after\n"
    assert sum(map(len, trace.batches())) == 3
    assert trace.meta.lost_events == 5


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"trace\.txt"):
        write_recording(recording(tmp_path, "# tracer: nop\n"), str(tmp_path / "x.bst"))
    assert not (tmp_path / "x.bst").exists()

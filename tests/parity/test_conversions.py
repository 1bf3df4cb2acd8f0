"""Every recording, converted to every format that can hold it, is the same events."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from buddysim.replay.engine import replay
from buddysim.report.inspect import Inspection, inspect_trace
from buddysim.source.event import EventKind, Trace
from buddysim.source.open import open_trace
from buddysim.source.write import write_trace

ROOT = Path(__file__).resolve().parents[2]
ORACLE = Path(os.environ.get("BUDDYSIM_ORACLE", ROOT.parent / "shared" / "oracle"))
FOLDERS = ("ftrace", "x86-ftrace", "host-perf", "x86-host-perf")
LARGE_BYTES = 200_000
"""A compressed recording of more has hundreds of thousands of events."""


def recordings() -> list[object]:
    """Every trace of the oracle, the large ones marked slow; one skipped case without it."""
    found = [path for name in FOLDERS for path in sorted((ORACLE / name).rglob("*.txt.zst"))]
    if not found:
        return [pytest.param(ORACLE, marks=pytest.mark.skip(reason="oracle data not present"))]
    return [
        pytest.param(
            path,
            id=str(path.relative_to(ORACLE)).removesuffix(".txt.zst"),
            marks=[pytest.mark.slow] * (path.stat().st_size > LARGE_BYTES),
        )
        for path in found
    ]


def facts(found: Inspection) -> tuple[object, ...]:
    return (
        found.events_digest,
        found.events,
        found.events_by_kind,
        found.failed_allocations,
        found.orders_by_migratetype,
        found.span_ns,
        found.cpus,
        found.contexts,
        found.reconciled,
        found.profile,
    )


@pytest.mark.parametrize("path", recordings())
def test_packed_and_text_hold_the_same_events(path: Path, tmp_path: Path) -> None:
    packed, text = str(tmp_path / "x.bst"), str(tmp_path / "x.txt")
    write_trace(open_trace(str(path)), packed)
    write_trace(open_trace(packed), text)
    whole = facts(inspect_trace(open_trace(str(path))))
    assert facts(inspect_trace(open_trace(packed))) == whole
    assert facts(inspect_trace(open_trace(text))) == whole


def requests(trace: Trace) -> list[tuple[int, int, int]]:
    """Order, mask and time since the first request of every request for pages."""
    alloc = int(EventKind.ALLOC)
    rows = [
        (order, gfp, time_ns)
        for batch in trace.batches()
        for kind, order, gfp, time_ns in zip(
            batch.kind, batch.order, batch.gfp, batch.time_ns, strict=True
        )
        if kind == alloc
    ]
    return [(order, gfp, time_ns - rows[0][2]) for order, gfp, time_ns in rows]


@pytest.mark.parametrize("path", recordings())
def test_a_script_asks_for_the_same_pages(path: Path, tmp_path: Path) -> None:
    script = str(tmp_path / "x.trace")
    write_trace(open_trace(str(path)), script)
    assert requests(open_trace(script)) == requests(open_trace(str(path)))


@pytest.mark.slow
def test_the_largest_recording_is_small_when_packed_and_replays_alike(
    oracle_dir: Path, tmp_path: Path
) -> None:
    folder = oracle_dir / "ftrace" / "pagecache"
    source = str(folder / "trace.txt.zst")
    packed = tmp_path / "pagecache.bst"
    events = write_trace(open_trace(source), str(packed))
    assert events > 1_100_000
    assert packed.stat().st_size <= 12 * events
    # Beside its snapshots the packed trace starts from the same state.
    for beside in folder.iterdir():
        if beside.name != "trace.txt.zst":
            (tmp_path / beside.name).symlink_to(beside)
    from_text, from_packed = replay(open_trace(source)), replay(open_trace(str(packed)))
    assert from_packed.digest == from_text.digest
    assert from_packed.machine_origin == from_text.machine_origin == "snapshot of the recording"
    assert from_packed.totals == from_text.totals
    assert from_packed.callers == from_text.callers
    assert from_packed.failures == from_text.failures
    assert from_packed.samples == from_text.samples

"""Packed traces: the same rows, small, and honest about damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.source.event import BATCH_EVENTS, EventBatch, EventKind, Tables, Trace, TraceMeta
from buddysim.source.open import open_trace
from buddysim.source.pack import PackedWriter
from buddysim.source.pack_layout import CHUNK_HEADER_BYTES, FILE_HEADER_BYTES
from buddysim.source.packed import PackedTrace, numpy_columns, read_script, read_snapshots
from buddysim.source.write import write_trace

META = TraceMeta(path="x", format="ftrace", profile="6.12", lines=9, kind_names={1: "old"})


def sample(rows: int) -> tuple[EventBatch, Tables]:
    """Rows whose columns need every encoding: constant, plain, escaped differences, palettes."""
    tables = Tables(callers=["?", "a", "b"], tasks=["?", "t-1"], stacks=[(), ("f+0x1", "g")])
    batch = EventBatch()
    for n in range(rows):
        batch.append(
            EventKind.ALLOC if n % 3 else EventKind.FREE,
            time_ns=n * 7_000 + (10**12 if n > 5 else 0) - (3 if n == 9 else 0),
            cpu=n % 2,
            context=n % 5,
            order=n % 11,
            migratetype=n % 3 - 1,
            gfp=0xFFFFFFFF - n % 4,
            pfn=-1 if n % 50 == 0 else n * 1001,
            caller=n % 3,
            task=n % 2,
            stack=n % 2,
            aux=(-1) ** n * n % 17,
            line=n + (70_000 if n > 20 else 1),
        )
    return batch, tables


def pack(path: Path, batches: list[EventBatch], tables: Tables) -> str:
    with PackedWriter(str(path)) as writer:
        writer.begin(META)
        writer.snapshot("before/zoneinfo", b"Node 0\n")
        for batch in batches:
            writer.rows(batch, tables)
        writer.finish(META, tables)
    return str(path)


def whole(trace: Trace) -> EventBatch:
    joined = EventBatch()
    for batch in trace.batches():
        assert batch.first == len(joined)
        for name in batch.columns:
            getattr(joined, name).extend(getattr(batch, name))
    return joined


@pytest.mark.parametrize("rows", [1, 2, 300, 3000])
def test_rows_tables_and_counters_come_back(tmp_path: Path, rows: int) -> None:
    batch, tables = sample(rows)
    trace = open_trace(pack(tmp_path / "x.bst", [batch], tables))
    read = whole(trace)
    for name in batch.columns:
        assert getattr(read, name) == getattr(batch, name), name
    assert trace.tables == tables
    assert (trace.meta.format, trace.meta.profile, trace.meta.lines) == ("packed", "6.12", 9)
    assert trace.meta.kind_names == {1: "old"}


def test_extreme_values_survive(tmp_path: Path) -> None:
    batch = EventBatch()
    for value in (2**63 - 1, -(2**63), 0, -1):
        batch.append(0, time_ns=value, pfn=value, aux=value)
    read = whole(open_trace(pack(tmp_path / "x.bst", [batch], Tables())))
    assert (read.time_ns, read.pfn, read.aux) == (batch.time_ns, batch.pfn, batch.aux)


def test_tables_may_grow_between_batches(tmp_path: Path) -> None:
    one, tables = sample(10)
    path = tmp_path / "x.bst"
    with PackedWriter(str(path)) as writer:
        writer.begin(META)
        writer.rows(one, tables)
        tables.callers.append("late")
        two = EventBatch(10)
        two.append(0, time_ns=1, caller=3)
        writer.rows(two, tables)
        writer.finish(META, tables)
    trace = open_trace(str(path))
    assert trace.tables.callers[whole(trace).caller[10]] == "late"


@pytest.mark.parametrize(("caller_by", "caller"), [("comm", "t"), ("stack", "f < g")])
def test_callers_can_be_named_otherwise_when_read(
    tmp_path: Path, caller_by: str, caller: str
) -> None:
    path = pack(tmp_path / "x.bst", [sample(4)[0]], sample(4)[1])
    trace = open_trace(path, caller_by=caller_by, profile="6.1")
    rows = whole(trace)
    assert [trace.tables.callers[number] for number in rows.caller] == ["?", caller, "?", caller]
    assert trace.meta.profile == "6.1"


def test_snapshots_are_kept(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.bst", [sample(2)[0]], sample(2)[1])
    assert read_snapshots(path) == {"before/zoneinfo": b"Node 0\n"}
    assert read_script(path) is None
    copy = str(tmp_path / "copy.bst")
    write_trace(open_trace(path), copy)
    assert read_snapshots(copy) == {"before/zoneinfo": b"Node 0\n"}


def test_a_script_is_kept_as_its_text(tmp_path: Path) -> None:
    path = tmp_path / "x.bst"
    with PackedWriter(str(path)) as writer:
        writer.begin(META)
        writer.script(b"@machine mem=16M\n0.1 a alloc x\n")
        writer.finish(META, Tables())
    trace = open_trace(str(path))
    assert trace.meta.format == "script"
    assert whole(trace).kind.tolist() == [EventKind.ALLOC]


def test_numpy_views_hold_the_stored_bytes(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy", reason="comes with the numpy extra")
    batch, tables = sample(500)
    (columns,) = numpy_columns(pack(tmp_path / "x.bst", [batch], tables))
    for name in batch.columns:
        assert columns[name].tolist() == getattr(batch, name).tolist(), name
    assert columns["pfn"].dtype == numpy.int32
    assert not columns["pfn"].flags.owndata
    assert not columns["pfn"].flags.writeable


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with PackedWriter(str(tmp_path / "x.bst")) as writer:
            writer.begin(META)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def chunk_starts(data: bytes) -> list[int]:
    starts, pos = [], FILE_HEADER_BYTES
    while pos < len(data):
        starts.append(pos)
        size = int.from_bytes(data[pos + 8 : pos + 16], "little")
        pos += CHUNK_HEADER_BYTES + (size + 7 & -8)
    return starts


def three_chunks(path: Path) -> bytes:
    batches = [sample(100)[0] for _ in range(3)]
    for n, batch in enumerate(batches):
        batch.first = n * 100
    pack(path, batches, sample(100)[1])
    return path.read_bytes()


def test_every_flipped_byte_is_detected_and_what_stands_before_is_usable(tmp_path: Path) -> None:
    path = tmp_path / "x.bst"
    data = three_chunks(path)
    starts = chunk_starts(data)
    ends = [*starts[1:], len(data)]
    rows = [end for start, end in zip(starts, ends, strict=True) if is_rows(data, start)]
    for at in range(starts[1], len(data), 41):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        before = sum(end <= at for end in rows)
        if not before:
            with pytest.raises(TraceError, match="cut or damaged at byte"):
                whole(open_trace(str(path), salvage=True))
            continue
        trace = open_trace(str(path), salvage=True)
        # Padding between chunks carries nothing, so damage there may go unnoticed.
        assert len(whole(trace)) == before * 100 or not trace.meta.truncated


def is_rows(data: bytes, start: int) -> bool:
    return data[start : start + 4] == b"ROWS"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_cut_file_is_detected(tmp_path: Path, share: float) -> None:
    path = tmp_path / "x.bst"
    data = three_chunks(path)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(TraceError, match="cut or damaged"):
        whole(open_trace(str(path)))


def test_recordings_take_at_most_12_bytes_an_event(tmp_path: Path, oracle_dir: Path) -> None:
    size = events = 0
    for name in ("ftrace/manyfiles", "ftrace/filechurn", "x86-ftrace/tcp"):
        trace = open_trace(str(oracle_dir / name / "trace.txt.zst"))
        path = tmp_path / "x.bst"
        batches = list(trace.batches())
        pack(path, batches, trace.tables)
        read = open_trace(str(path))
        for before, after in zip(batches, read.batches(), strict=True):
            assert all(
                getattr(before, column) == getattr(after, column) for column in before.columns
            )
            assert len(after) <= BATCH_EVENTS
        assert read.tables == trace.tables
        size += path.stat().st_size
        events += sum(map(len, batches))
    assert size / events <= 12


def test_the_length_is_known_before_the_rows_are_read(tmp_path: Path) -> None:
    batch, tables = sample(200)
    path = pack(tmp_path / "t.bst", [batch, batch], tables)
    assert PackedTrace(path).expected_rows() == 400
    assert PackedTrace(path, salvage=True).expected_rows() == 0

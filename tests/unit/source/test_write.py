"""Traces out and in again: nothing of an event is lost where the format can hold it."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import ConfigError, TraceError
from buddysim.source.event import EventBatch, EventKind, Tables, Trace, TraceMeta
from buddysim.source.open import open_trace
from buddysim.source.write import SUFFIXES, write_trace

SAME = (
    "kind", "cpu", "context", "order", "migratetype", "gfp", "time_ns", "pfn", "stack", "aux",
)  # fmt: skip
RECORDINGS = [
    "ftrace/manyfiles/trace.txt.zst",
    "x86-ftrace/smallfiles-allkmem/trace.txt.zst",
    "x86-ftrace/tcp-stack/trace.txt.zst",
    "x86-host-perf/perf-tcp-g.txt.zst",
    "x86-host-perf/tracecmd-fork-tcp-raw.txt.zst",
]


def rows(trace: Trace) -> tuple[list[list[int]], list[str], list[str]]:
    columns: list[list[int]] = [[] for _ in SAME]
    callers, tasks = [], []
    for batch in trace.batches():
        for column, name in zip(columns, SAME, strict=True):
            column.extend(getattr(batch, name))
        callers += [trace.tables.callers[caller] for caller in batch.caller]
        tasks += [trace.tables.tasks[task] for task in batch.task]
    return columns, callers, tasks


@pytest.mark.parametrize("suffix", [".bst", ".txt"])
@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_survive_the_round_trip(
    tmp_path: Path, oracle_dir: Path, name: str, suffix: str
) -> None:
    source, target = str(oracle_dir / name), str(tmp_path / f"x{suffix}")
    seen: list[int] = []
    count = write_trace(open_trace(source), target, progress=seen.append)
    before, after = open_trace(source), open_trace(target)
    assert rows(before) == rows(after)
    assert before.tables.stacks == after.tables.stacks
    assert after.meta.profile == before.meta.profile
    assert count == seen[-1] == len(rows(open_trace(target))[0][0])


class Literal:
    """A Trace of rows given by hand."""

    def __init__(self, batch: EventBatch, profile: str) -> None:
        self.meta = TraceMeta("x", "ftrace", profile=profile)
        self.tables = Tables(callers=["?", "a b"], tasks=["?", "my comm-7"], names=["odd_event"])
        self._batch = batch

    def batches(self):
        yield self._batch


def every_kind() -> EventBatch:
    batch = EventBatch()
    kinds = [kind for kind in EventKind if kind < EventKind.USE]
    for n, kind in enumerate(kinds):
        page = kind <= EventKind.EXTFRAG
        slab = EventKind.KMALLOC <= kind <= EventKind.KMEM_CACHE_FREE
        sized = kind in (EventKind.KMALLOC, EventKind.KMEM_CACHE_ALLOC, EventKind.RECLAIM_END)
        aux = 2 | 1 << 8 | 1 << 16 if kind == EventKind.EXTFRAG else 64 * sized
        batch.append(
            kind,
            time_ns=n * 1000 + n % 2,
            cpu=n,
            pfn=n + 1 if page or slab else -1,
            migratetype=1 if kind in (0, 3, 4, 5) else -1,
            task=1,
            caller=1,
            aux=7 if kind == EventKind.LOST else aux,
        )
    return batch


@pytest.mark.parametrize("era", ["2.6.32", "3.13", "4.4", "4.19", "6.1", "6.18"])
def test_every_kind_of_row_has_a_text_that_reads_back(tmp_path: Path, era: str) -> None:
    path = str(tmp_path / "x.txt")
    batch = every_kind()
    assert write_trace(Literal(batch, era), path) == len(batch)
    trace = open_trace(path)
    columns, _, tasks = rows(trace)
    told = dict(zip(SAME, columns, strict=True))
    assert told["kind"] == batch.kind.tolist()
    assert told["pfn"] == batch.pfn.tolist()
    assert told["migratetype"] == batch.migratetype.tolist()
    assert told["aux"] == batch.aux.tolist()
    assert [t for t, kind in zip(told["time_ns"], told["kind"], strict=True) if kind != 19] == [
        t for t, kind in zip(batch.time_ns, batch.kind, strict=True) if kind != 19
    ]
    assert set(tasks) == {"my comm-7", "?"}
    assert trace.meta.profile == era
    assert trace.meta.skipped_lines == 0


@pytest.mark.parametrize("context", range(64))
def test_every_context_reads_back_from_its_flags(tmp_path: Path, context: int) -> None:
    batch = EventBatch()
    batch.append(0, time_ns=1, pfn=1, migratetype=0, context=context)
    path = str(tmp_path / "x.txt")
    write_trace(Literal(batch, "6.12"), path)
    told = rows(open_trace(path))[0][SAME.index("context")][0]
    if context & 32:  # an NMI hides a soft interrupt below it
        context &= ~8
    assert told == context


def test_recording_becomes_a_script_of_its_allocations_and_frees(tmp_path: Path) -> None:
    batch = EventBatch()
    for kind, pfn, order, context in (
        (0, 8, 3, 0), (1, 8, 0, 0), (1, 12, 2, 8), (1, 99, 0, 0), (0, -1, 4, 8), (0, 8, 0, 0),
        (0, 8, 0, 0), (2, 8, 0, 0), (1, 8, 0, 0),
    ):  # fmt: skip
        batch.append(kind, time_ns=5, pfn=pfn, order=order, context=context, gfp=0xCC0, caller=1)
    path = tmp_path / "x.trace"
    write_trace(Literal(batch, "6.12"), str(path))
    told = [line.split(" ", 1)[1] for line in path.read_text().splitlines() if line[0].isdigit()]
    assert told == [
        "a_b alloc p0 order=3 gfp=GFP_KERNEL",
        "a_b free p0 order=0 part=0",
        "a_b.softirq free p0 order=2 part=1",
        "a_b.softirq alloc p1 order=4 gfp=GFP_KERNEL",
        "a_b alloc p2 gfp=GFP_KERNEL",
        "a_b free p2",
        "a_b alloc p3 gfp=GFP_KERNEL",
        "a_b free p3",
    ]
    assert open_trace(str(path)).meta.format == "script"


def test_script_stays_a_script_through_the_packed_form(tmp_path: Path) -> None:
    source, packed, back = (tmp_path / name for name in ("a.trace", "b.bst", "c.trace"))
    source.write_text(
        "@machine mem=16M\n@caller a context=softirq\n0.5 a alloc x order=1\n+1us a free x\n"
    )
    write_trace(open_trace(str(source)), str(packed))
    write_trace(open_trace(str(packed)), str(back))
    again = open_trace(str(back))
    assert rows(again) == rows(open_trace(str(source)))
    with pytest.raises(ConfigError, match="no recorded pages"):
        write_trace(open_trace(str(source)), str(tmp_path / "x.txt"))


def test_parquet_holds_the_rows_with_words_for_numbers(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="comes with the parquet extra")
    path = tmp_path / "x.parquet"
    batch = every_kind()
    write_trace(Literal(batch, "6.12"), str(path))
    table = parquet.read_table(path).to_pydict()
    assert table["kind"][:2] == ["alloc", "free"]
    assert table["pfn"] == batch.pfn.tolist()
    assert set(table["task"]) == {"my comm-7"}


def test_unknown_suffix_and_unwritable_place_are_errors(tmp_path: Path) -> None:
    trace = Literal(every_kind(), "6.12")
    with pytest.raises(ConfigError, match=r"expected a name ending in \.bst, \.txt"):
        write_trace(trace, str(tmp_path / "x.csv"))
    for suffix in SUFFIXES:
        with pytest.raises(ConfigError, match="cannot write"):
            write_trace(trace, str(tmp_path / "none" / f"x{suffix}"))


def test_a_bad_source_leaves_no_file_behind(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text(" sh-1 [000] .....  1.000001: <stack trace>\n => x\n")
    for suffix in SUFFIXES:
        with pytest.raises(TraceError):
            write_trace(open_trace(str(source)), str(tmp_path / f"out{suffix}"))
    assert list(tmp_path.iterdir()) == [source]

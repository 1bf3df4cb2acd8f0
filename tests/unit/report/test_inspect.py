"""The census of a trace, against counts made independently."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from buddysim.report.inspect import context_name, inspect_trace
from buddysim.source.event import EventBatch, Tables, TraceMeta
from buddysim.source.open import open_trace
from buddysim.source.pack import PackedWriter
from buddysim.source.page_map import PageKind, PageMap
from buddysim.source.stream import open_stream

FILES = [
    "ftrace/forkexec/trace.txt.zst",
    "ftrace/manyfiles/trace.txt.zst",
    "x86-ftrace/tcp-stack/trace.txt.zst",
    "x86-ftrace/smallfiles-allkmem/trace.txt.zst",
    "x86-host-perf/perf-pipe.txt.zst",
    "x86-host-perf/perf-tcp-g.txt.zst",
    "x86-host-perf/tracecmd-allkmem.txt.zst",
]
NAMES = ("UNMOVABLE", "MOVABLE", "RECLAIMABLE")


@pytest.mark.parametrize("name", FILES)
def test_counts_equal_those_of_plain_text_search(oracle_dir: Path, name: str) -> None:
    path = str(oracle_dir / name)
    with open_stream(path) as stream:
        text = b"".join(stream.blocks()).decode()
    inspection = inspect_trace(open_trace(path))
    events = Counter(re.findall(r"\d: +(?:kmem:)?([a-z]\w+): ", text))
    events.pop("kernel_stack", None)
    assert inspection.events_by_kind == dict(events)
    assert inspection.lines == text.count("\n")
    assert inspection.skipped_lines == 0
    table: Counter[tuple[int, int]] = Counter()
    for line in re.findall(r"mm_page_alloc: .*", text):
        fields = dict(re.findall(r"(\w+)=(\S+)", line))
        table[int(fields["migratetype"]), int(fields["order"])] += fields["pfn"] != "0x0"
    for migratetype, row in enumerate(NAMES):
        assert inspection.orders_by_migratetype[row] == [
            table[migratetype, order] for order in range(11)
        ]


def test_complete_recording_has_its_known_failures_and_frees(oracle_dir: Path) -> None:
    inspection = inspect_trace(open_trace(str(oracle_dir / "ftrace/oom/trace.txt.zst")))
    assert inspection.failed_allocations == 8
    assert inspection.reconciled["alloc_live"] == 0
    assert inspection.reconciled["batched"] == 105252
    assert set(inspection.effects) == {"free_unknown", "batched"}
    assert inspection.contexts == {"atomic": 87, "process": 105361}


def test_context_is_named_by_its_strictest_bit() -> None:
    assert [context_name(bits) for bits in (0, 1, 2, 9, 17, 49, 64)] == [
        "process", "atomic", "atomic", "softirq", "hardirq", "nmi", "unknown",
    ]  # fmt: skip


def test_what_a_packed_trace_keeps_is_told(tmp_path: Path) -> None:
    free, lru = int(PageKind.FREE), int(PageKind.LRU | PageKind.MAPPED)
    path = str(tmp_path / "x.bst")
    batch = EventBatch()
    batch.append(0, time_ns=1, pfn=5)
    meta = TraceMeta("x.txt", "ftrace")
    with PackedWriter(path) as writer:
        writer.begin(meta)
        writer.snapshot("zoneinfo.before.txt", b"Node 0\n")
        writer.snapshot("kpageflags.before.map", PageMap(bytes([free] * 7 + [lru, 0])).packed())
        writer.rows(batch, Tables())
        writer.finish(meta, Tables())
    found = inspect_trace(open_trace(path))
    assert found.kept == ["kpageflags.before.map", "zoneinfo.before.txt"]
    told = {kind: pages for kind, pages in found.pages_by_kind["before"].items() if pages}
    assert told == {"free": 7, "lru": 1, "mapped": 1}
    assert "after" not in found.pages_by_kind

"""Text layouts of every era, and what real files add to them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import Gfp, composite
from buddysim.source.event import Counted, EventBatch, EventKind, LooksAhead, Trace
from buddysim.source.open import open_trace

HEX = "page=00000000371ababb pfn=0x1b8ae3"
ALLOC = f"mm_page_alloc: {HEX} order=0 migratetype=1 gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP"


def read(path: Path, text: str, **options: str) -> tuple[Trace, EventBatch]:
    """The trace and all of its rows as one batch."""
    path.write_bytes(text.encode())
    trace = open_trace(str(path), **options)
    whole = EventBatch()
    for batch in trace.batches():
        for name in batch.columns:
            getattr(whole, name).extend(getattr(batch, name))
    return trace, whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.txt"


HEADS = {
    "modern, five flags": (" bash-9687    [001] d.h3.  1800.509956: ", "bash-9687", 17 | 2),
    "four flags": ("  bash-9687  [001] d.s2 1800.509956: ", "bash-9687", 8 | 2 | 1),
    "no flags": ("            bash-9687  [001]  1800.509956: ", "bash-9687", 64),
    "tgid": ("  bash-9687    (  77) [001] ..... 1800.509956: ", "bash-9687", 0),
    "tgid unknown": ("  bash-9687    (-------) [001] b....  1800.509956: ", "bash-9687", 4),
    "odd comm": (" my-app 1.5: x-12-9687 [001] .....  1800.509956: ", "my-app 1.5: x-12-9687", 0),
    "unknown comm": ("           <...>-9687    [001] ...1.  1800.509956: ", "<...>-9687", 1),
    "kworker": ("  kworker/0:1-9687    [001] .....  1800.509956: ", "kworker/0:1-9687", 0),
    "trace-cmd -l": ("  bash-9687   1d..3.  1800.509956: ", "bash-9687", 2 | 1),
    "trace-cmd -t": ("  bash-9687 [001]  1800.509956000: ", "bash-9687", 64),
    "perf": ("            bash  9687 [001]  1800.509956:   kmem:", "bash-9687", 64),
    "perf pid/tid": ("bash  9600/9687 [001]  1800.509956: kmem:", "bash-9687", 64),
    "perf odd comm": ("Web Content 1  9687 [001]  1800.509956: kmem:", "Web Content 1-9687", 64),
    "perf period": ("  bash  9687 [001]  1800.509956:    1 kmem:", "bash-9687", 64),
}


@pytest.mark.parametrize("layout", HEADS)
def test_every_head_gives_task_cpu_context_and_time(file: Path, layout: str) -> None:
    head, task, context = HEADS[layout]
    trace, rows = read(file, f"{head}{ALLOC}\n")
    assert list(rows.kind) == [EventKind.ALLOC]
    assert trace.tables.tasks[rows.task[0]] == task
    assert (rows.cpu[0], rows.context[0], rows.time_ns[0]) == (1, context, 1_800_509_956_000)
    assert (rows.pfn[0], rows.order[0], rows.migratetype[0]) == (0x1B8AE3, 0, 1)
    assert rows.gfp[0] == composite("GFP_HIGHUSER_MOVABLE", "6.12") | Gfp.COMP
    assert trace.meta.skipped_lines == 0


def test_context_bits_of_the_head_table_are_the_contexts_they_claim() -> None:
    assert Context.HARDIRQ | Context.PREEMPT_OFF | Context.IRQS_OFF == 17 | 2
    assert Context.SOFTIRQ | Context.IRQS_OFF | Context.PREEMPT_OFF == 8 | 2 | 1


FAILED = {
    "6.x ftrace": "page=0000000000000000 pfn=0x0",
    "6.x perf": "page=(nil) pfn=0x0",
    "4.x": "page=          (null) pfn=0",
    "2.6.32, garbage pfn": "page=(null) pfn=55834574848",
    "trace-cmd -R": "pfn=0xffffffffffffffff",
    "trace-cmd -R signed": "pfn=-1",
}


@pytest.mark.parametrize("era", FAILED)
def test_null_page_is_a_failed_allocation_in_every_era(file: Path, era: str) -> None:
    line = (
        " sh-1 [000] .....  1.000001: mm_page_alloc: {} order=3 migratetype=0 gfp_flags=GFP_ATOMIC"
    )
    _, rows = read(file, line.format(FAILED[era]) + "\n")
    assert list(rows.pfn) == [-1]
    assert list(rows.order) == [3]


def lines(*events: str) -> str:
    return "".join(f"  sh-7  [000]  {n}.000000: {event}\n" for n, event in enumerate(events, 1))


def test_movable_number_2_is_recognised_as_the_old_numbering(file: Path) -> None:
    old = "page=ffffea00 pfn=1804 order=0 migratetype={} gfp_flags={}"
    trace, rows = read(
        file,
        lines(
            "mm_page_alloc: " + old.format(2, "GFP_HIGHUSER_MOVABLE"),
            "mm_page_alloc: " + old.format(1, "GFP_NOFS|GFP_RECLAIMABLE"),
        ),
    )
    assert trace.meta.profile == "3.13"
    assert list(rows.migratetype) == [1, 2]
    assert list(rows.pfn) == [1804, 1804]


def test_profile_overrides_what_was_sniffed(file: Path) -> None:
    text = lines("mm_page_alloc: page=1 pfn=18 order=0 migratetype=2 gfp_flags=GFP_KERNEL")
    trace, rows = read(file, text, profile="2.6.32")
    assert trace.meta.profile == "2.6.32"
    assert list(rows.migratetype) == [1]
    assert "by request" in trace.meta.layout


def test_oldest_names_of_the_free_events_are_kept_for_inspect(file: Path) -> None:
    trace, rows = read(
        file,
        lines(
            "mm_page_free_direct: page=ffffea00 pfn=33 order=1",
            "mm_pagevec_free: page=ffffea00 pfn=34 order=0 cold=0",
        ),
    )
    assert list(rows.kind) == [EventKind.FREE, EventKind.FREE_BATCHED]
    assert trace.meta.profile == "2.6.32"
    assert trace.meta.kind_names == {1: "mm_page_free_direct", 2: "mm_pagevec_free"}


def test_every_interpreted_event_fills_its_columns(file: Path) -> None:
    trace, rows = read(
        file,
        lines(
            f"mm_page_alloc_zone_locked: {HEX} order=3 migratetype=2 percpu_refill=1",
            f"mm_page_pcpu_drain: {HEX} order=1 migratetype=0",
            f"mm_page_alloc_extfrag: {HEX} alloc_order=0 fallback_order=4 pageblock_order=9 "
            "alloc_migratetype=2 fallback_migratetype=1 fragmenting=1 change_ownership=0",
            "kmalloc: call_site=alloc_pipe_info+0x5d/0x230 ptr=00000000deafabb6 bytes_req=176 "
            "bytes_alloc=192 gfp_flags=GFP_KERNEL_ACCOUNT|__GFP_ZERO node=-1 accounted=true",
            "kfree: call_site=vm_area_free+0x1c/0x90 ptr=(null)",
            "kmem_cache_free: call_site=putname+0x50/0x60 ptr=000000008fce7f77 name=names_cache",
            "mm_vmscan_wakeup_kswapd: nid=1 order=4 gfp_flags=none",
            "mm_vmscan_direct_reclaim_begin: order=2 gfp_flags=GFP_KERNEL",
            "mm_vmscan_direct_reclaim_end: nr_reclaimed=32",
            "mm_compaction_migratepages: nr_migrated=5 nr_failed=1",
            "mark_victim: pid=49 comm=hog total-vm=54416kB anon-rss=52724kB",
            "rss_stat: mm_id=3567936453 curr=0 type=MM_ANONPAGES size=4096B",
        ),
    )
    names = trace.tables
    assert [EventKind(kind).name for kind in rows.kind] == [
        "ZONE_LOCKED", "PCPU_DRAIN", "EXTFRAG", "KMALLOC", "KFREE", "KMEM_CACHE_FREE",
        "WAKEUP_KSWAPD", "RECLAIM_BEGIN", "RECLAIM_END", "COMPACTION_MIGRATE", "MARK_VICTIM",
        "OTHER",
    ]  # fmt: skip
    assert list(rows.order) == [3, 1, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0]
    assert list(rows.aux)[:4] == [1, 0, 4 | 1 << 8 | 1 << 16, 192]
    assert list(rows.aux)[6:] == [1, 0, 32, 5, 49, 0]
    assert rows.pfn[3:6].tolist() == [0xDEAFABB6, 0, 0x8FCE7F77]
    assert [names.callers[rows.caller[i]] for i in (3, 4, 5)] == [
        "alloc_pipe_info", "vm_area_free", "putname",
    ]  # fmt: skip
    assert names.names[rows.aux[11]] == "rss_stat"


def test_raw_and_cooked_trace_cmd_text_of_an_event_are_the_same_row(file: Path) -> None:
    cooked = "mm_page_alloc:        page=0x100b91 pfn=0x100b91 order=1 migratetype=0 gfp_flags={}"
    raw = "mm_page_alloc:         pfn=0x100b91 order=1 gfp_flags={} migratetype=0"
    _, one = read(file, "cpus=2\n" + lines(cooked.format("GFP_KERNEL_ACCOUNT|__GFP_ZERO")))
    trace, two = read(file, "cpus=2\n" + lines(raw.format("0x400dc0")))
    assert trace.meta.format == "trace-cmd"
    for name in ("kind", "pfn", "order", "gfp", "migratetype", "time_ns", "cpu"):
        assert getattr(one, name) == getattr(two, name)


def test_chains_attach_to_the_interrupted_event_of_their_own_level(file: Path) -> None:
    trace, rows = read(
        file,
        f" sh-1 [000] .....  1.000001: {ALLOC}\n"
        f" sh-2 [001] .....  1.000002: {ALLOC}\n"
        f" sh-1 [000] ..s1.  1.000003: mm_page_free: {HEX} order=0\n"
        " sh-1 [000] ..s1.  1.000004: <stack trace>\n"
        " => __free_frozen_pages\n => rcu_do_batch\n"
        " sh-1 [000] .....  1.000005: <stack trace>\n"
        " => trace_event_raw_event_mm_page_alloc\n => alloc_pages_noprof\n => pgd_alloc\n"
        " sh-2 [001] .....  1.000006: <stack trace>\n"
        " => alloc_pages_noprof\n => do_fault.isra.0+0x12/0x40\n",
    )
    callers = [trace.tables.callers[caller] for caller in rows.caller]
    assert callers == ["pgd_alloc", "do_fault", "rcu_do_batch"]
    assert trace.tables.stacks[rows.stack[1]] == ("alloc_pages_noprof", "do_fault.isra.0+0x12")
    assert list(rows.line) == [1, 2, 3]
    assert trace.meta.lines == 13


def test_perf_and_trace_cmd_chains_name_the_caller(file: Path) -> None:
    perf = (
        f"sh  1166 [001]  5517.828804:        kmem:{ALLOC}\n"
        "\tffffffff8162184b __alloc_frozen_pages_noprof+0x26b ([kernel.kallsyms])\n"
        "\tffffffff815e77ee __pmd_alloc+0x2e ([kernel.kallsyms])\n"
        "\t    7fd14fcf2ad7 [unknown] ([unknown])\n\n"
        f"sh  1166 [001]  5517.828805:         kmem:mm_page_free: {HEX} order=0\n\n"
    )
    trace, rows = read(file, perf)
    assert [trace.tables.callers[caller] for caller in rows.caller] == ["__pmd_alloc", "sh"]
    assert trace.tables.stacks[rows.stack[0]] == (
        "__alloc_frozen_pages_noprof+0x26b", "__pmd_alloc+0x2e", "[unknown]",
    )  # fmt: skip
    trace_cmd = (
        f"cpus=2\n  ot-86 [000]  7.811477: {ALLOC}\n  ot-86 [000]  7.812009: kernel_stack:   "
        "<stack trace >\n=> alloc_pages_noprof (ffffffff811f241f)\n"
        "=> pgd_alloc (ffffffff810560ed)\n"
    )
    trace, rows = read(file, trace_cmd)
    assert [trace.tables.callers[caller] for caller in rows.caller] == ["pgd_alloc"]


@pytest.mark.parametrize(
    ("caller_by", "caller"),
    [("function", "pgd_alloc"), ("comm", "sh"), ("stack", "pgd_alloc < mm_init")],
)
def test_caller_by_chooses_who_counts(file: Path, caller_by: str, caller: str) -> None:
    text = (
        f" sh-1 [000] .....  1.000001: {ALLOC}\n sh-1 [000] .....  1.000002: <stack trace>\n"
        " => alloc_pages\n => pgd_alloc\n => mm_init\n"
    )
    trace, rows = read(file, text, caller_by=caller_by)
    assert trace.tables.callers[rows.caller[0]] == caller


def test_comments_and_losses_are_told_apart_from_damage(file: Path) -> None:
    trace, rows = read(
        file,
        "# tracer: nop\n#\n# entries-in-buffer/entries-written: 2/9   #P:2\n\n"
        + lines(ALLOC)
        + "##### CPU 1 buffer started ####\nCPU:1 [LOST 7 EVENTS]\n"
        + lines(ALLOC)
        + "what is this\n"
        + " sh-1 [000] .....  1.000001: mm_page_alloc: page=00 pfn=0xZZ order=0 migratetype=0\n"
        + " sh-1 [000] .....  1.000001: mm_page_free: page=0012 pfn=0x12 order=77\n",
    )
    assert list(rows.kind) == [EventKind.ALLOC, EventKind.LOST, EventKind.ALLOC]
    assert (rows.aux[1], rows.cpu[1], rows.line[1]) == (7, 1, 7)
    assert trace.meta.lost_events == 7
    assert trace.meta.skipped_lines == 3
    assert trace.meta.lines == 11


def test_a_cut_last_line_is_counted_not_guessed(file: Path) -> None:
    text = lines(ALLOC, ALLOC)
    trace, rows = read(file, text[:-70])
    assert len(rows) == 1
    assert trace.meta.truncated
    assert trace.meta.skipped_lines == 1


def test_a_stray_zero_byte_costs_its_line_only(file: Path) -> None:
    text = lines(ALLOC, ALLOC, ALLOC)
    trace, rows = read(file, text.replace("  2.0", "  2\0."))
    assert len(rows) == 2
    assert trace.meta.skipped_lines == 1


def test_windows_line_ends_are_no_damage(file: Path) -> None:
    trace, rows = read(file, lines(ALLOC, f"mm_page_free: {HEX} order=0").replace("\n", "\r\n"))
    assert len(rows) == 2
    assert trace.meta.skipped_lines == 0


def test_lines_and_chains_may_straddle_blocks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = " => alloc_pages\n => pgd_alloc\n => mm_init\n"
    text = "".join(
        f" sh-1 [000] .....  {n}.000001: {ALLOC}\n"
        f" sh-1 [000] .....  {n}.000002: <stack trace>\n{chain}"
        for n in range(50)
    )
    _, whole = read(file, text)
    for size in (1, 7, 64):
        monkeypatch.setattr("buddysim.source.stream.BLOCK_BYTES", size * 8)
        monkeypatch.setattr("buddysim.source.stream._HEAD_BYTES", 1000)
        trace, rows = read(file, text)
        for name in rows.columns:
            assert getattr(rows, name) == getattr(whole, name), (size, name)
        assert trace.meta.lines == 250
        assert all(rows.stack)


BAD = {
    "latency": (
        "# tracer: nop\n#\n# nop latency trace v1.1.5 on 6.1\n",
        "latency-format option",
    ),
    "binary": ("\x7fELF\x02\x01\0\0\0", "binary data of no known kind"),
    "kernel log": ("[  1.0] sh: page allocation failure: order:2, mode:0x20\n", "explain"),
    "oracle": ("# buddysim-oracle 1\n# kernel: x\n", "buddysim verify"),
    "prose": ("It was a dark\nand stormy night\n", "found 'It was a dark'"),
    "only a header": ("# tracer: nop\n#\n", "only comments"),
    "no memory event": (" sh-1 [000] .....  1.000001: <stack trace>\n => x\n", "without any event"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_trace_is_told_in_one_line(file: Path, kind: str) -> None:
    text, found = BAD[kind]
    with pytest.raises(TraceError, match=found) as caught:
        read(file, text)
    assert "\n" not in str(caught.value)


def test_names_of_oracle_files_point_to_verify(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="verify"):
        open_trace(str(tmp_path / "x.oracle.gz"))


@pytest.mark.parametrize("size", [2, 5000])
def test_salvage_takes_the_text_before_damaged_compression(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.txt.gz"
    data = gzip.compress(lines(*[ALLOC] * size).encode())
    path.write_bytes(data[:-9])
    with pytest.raises(TraceError, match="cut or damaged"):
        list(open_trace(str(path)).batches())
    trace = open_trace(str(path), salvage=True)
    assert sum(map(len, trace.batches())) >= size - 1
    assert trace.meta.truncated


@pytest.mark.parametrize("room", [1 << 30, 1000, 0])
@pytest.mark.parametrize("compressed", [False, True])
def test_rows_read_ahead_come_again(
    tmp_path: Path, room: int, compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        f" cc-{n % 3} [001] d..1. {n}.5: {ALLOC.replace('1b8ae3', f'{n:x}')}" for n in range(90)
    ]
    lines[40] = "CPU:1 [LOST 7 EVENTS]"
    lines[50] = "no event at all"
    content = ("\n".join(lines) + "\n cut").encode()
    path = tmp_path / "text"
    path.write_bytes(gzip.compress(content) if compressed else content)
    monkeypatch.setattr("buddysim.source.rows_ahead._MOST_BYTES", room)
    plain, ahead = open_trace(str(path)), open_trace(str(path))
    told = [(list(batch.pfn), list(batch.line), list(batch.task)) for batch in plain.batches()]
    assert isinstance(ahead, LooksAhead)
    assert isinstance(ahead, Counted)
    assert ahead.expected_rows() == 0
    seen: list[int] = []
    ahead.look_ahead(lambda batch: seen.extend(batch.pfn))
    assert seen == told[0][0]
    assert ahead.expected_rows() == len(seen) == 89
    again = [(list(batch.pfn), list(batch.line), list(batch.task)) for batch in ahead.batches()]
    assert again == told
    assert (ahead.meta, ahead.tables) == (plain.meta, plain.tables)
    assert (ahead.meta.lost_events, ahead.meta.skipped_lines, ahead.meta.truncated) == (7, 2, True)

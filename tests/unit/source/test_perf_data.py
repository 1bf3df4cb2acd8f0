"""perf.data read directly: records, time order, thread names, chains, damage."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
from array import array
from copy import copy
from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.kernel.context import Context
from buddysim.report.inspect import inspect_trace
from buddysim.source import file_window, perf_data
from buddysim.source.event import Counted, EventBatch, EventKind, LooksAhead, Trace
from buddysim.source.kallsyms import SymbolTable
from buddysim.source.open import open_trace
from buddysim.source.perf_data import sample_layout
from buddysim.source.perf_format import parse_format, parse_tracing_data
from buddysim.source.rows_ahead import RowsAhead

_spec = importlib.util.spec_from_file_location(
    "perf_file", Path(__file__).with_name("perf_file.py")
)
assert _spec is not None
assert _spec.loader is not None
perf_file = importlib.util.module_from_spec(_spec)
sys.modules["perf_file"] = perf_file
_spec.loader.exec_module(perf_file)
PerfFile = perf_file.PerfFile


def read(path: Path, content: bytes, **options: str) -> tuple[Trace, EventBatch]:
    path.write_bytes(content)
    trace = open_trace(str(path), **options)
    whole = EventBatch()
    for batch in trace.batches():
        assert batch.first == len(whole)
        for name in batch.columns:
            getattr(whole, name).extend(getattr(batch, name))
    return trace, whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "perf.data"


def test_fields_of_samples_become_columns(path: Path) -> None:
    file = PerfFile()
    file.alloc(1_000, 0x1234, order=3, gfp=0x820, flags=0x11, depth=2, cpu=1)
    file.alloc(2_000, -1, order=4)
    file.free(3_000, 0x1234, order=3)
    trace, rows = read(path, file.content())
    assert trace.meta.format == "perf-data"
    assert trace.meta.profile == "6.12"
    assert rows.kind.tolist() == [EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE]
    assert rows.pfn.tolist() == [0x1234, -1, 0x1234]
    assert rows.order.tolist() == [3, 4, 3]
    assert rows.gfp.tolist() == [0x820, 0xCC0, 0]
    assert rows.migratetype.tolist() == [1, 1, -1]
    assert rows.cpu.tolist() == [1, 0, 0]
    assert rows.time_ns.tolist() == [1_000, 2_000, 3_000]
    deep = Context.IRQS_OFF | Context.SOFTIRQ | Context.PREEMPT_OFF
    assert rows.context.tolist() == [deep, 0, 0]


def test_rounds_are_merged_by_time_and_equal_times_keep_their_order(path: Path) -> None:
    file = PerfFile()
    for time_ns, pfn in ((10, 1), (30, 2), (20, 3), (30, 4)):
        file.alloc(time_ns, pfn)
    file.round()
    for time_ns, pfn in ((40, 5), (25, 6)):
        file.alloc(time_ns, pfn)
    file.round()
    file.alloc(35, 7)
    _, rows = read(path, file.content())
    assert rows.pfn.tolist() == [1, 3, 6, 2, 4, 7, 5]


def test_many_rounds_of_several_cpus_come_out_in_order_of_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buddysim.source.perf_samples.FIRST_CAPACITY", 64)
    chance = random.Random(3)
    file = PerfFile()
    written = []
    for n in range(60):
        for cpu in range(3):
            times = sorted(n * 50 + chance.randrange(90) for _ in range(chance.randrange(8)))
            for time_ns in times:
                written.append((time_ns, len(written) + 1, cpu))
                file.alloc(time_ns, len(written), cpu=cpu, tid=7 + cpu)
        if n % 7 == 3:
            file.comm(n * 50, 8, f"tool{n}")
        file.round()
    trace, rows = read(path, file.content())
    written.sort(key=lambda row: row[0])
    assert list(zip(rows.time_ns, rows.pfn, rows.cpu, strict=True)) == written
    for time_ns, cpu, task in zip(rows.time_ns, rows.cpu, rows.task, strict=True):
        named = [n for n in range(3, 60, 7) if n * 50 <= time_ns]
        comm = f"tool{named[-1]}" if named and cpu == 1 else f":{7 + cpu}"
        assert trace.tables.tasks[task] == f"{comm}-{7 + cpu}"


def test_chains_that_begin_alike_are_told_apart(path: Path) -> None:
    file = PerfFile(chains=True, kallsyms=KALLSYMS)
    kernel = CHAIN[:4]
    for n, chain in enumerate((CHAIN, kernel, kernel[:3], CHAIN, (*kernel, kernel[1]), ())):
        file.alloc(n, n + 1, chain=chain)
    trace, rows = read(path, file.content())
    sizes = [len(trace.tables.stacks[stack]) for stack in rows.stack]
    assert sizes == [3, 3, 2, 3, 4, 0]


def test_threads_have_the_name_of_their_time(path: Path) -> None:
    file = PerfFile()
    file.comm(0, 7, "sh")
    file.alloc(10, 1)
    file.fork(15, 8, 7)
    file.alloc(20, 2, tid=8)
    file.comm(25, 8, "my tool")
    file.alloc(30, 3, tid=8)
    file.alloc(31, 4)
    file.alloc(40, 5, tid=9)
    file.alloc(41, 6, tid=0)
    trace, rows = read(path, file.content())
    tasks = [trace.tables.tasks[task] for task in rows.task]
    assert tasks == ["sh-7", "sh-8", "my tool-8", "sh-7", ":9-9", "swapper-0"]
    callers = [trace.tables.callers[caller] for caller in rows.caller]
    assert callers == ["sh", "sh", "my tool", "sh", ":9", "swapper"]


KALLSYMS = (
    "ffffffff81000000 T _text\nffffffff81001000 T alloc_pages_noprof\n"
    "ffffffff81002000 t pgd_alloc\nffffffff81003000 T mm_init\t[mod]\nffffffff81004000 d data\n"
)
CHAIN = (
    perf_file.KERNEL_MARK, 0xFFFFFFFF81001010, 0xFFFFFFFF81002020, 0xFFFFFFFF81003000,
    perf_file.USER_MARK, 0x7F001234,
)  # fmt: skip


def test_chains_are_named_by_the_symbols_of_the_file(path: Path) -> None:
    file = PerfFile(chains=True, kallsyms=KALLSYMS)
    file.comm(0, 7, "sh")
    file.alloc(10, 1, chain=CHAIN)
    file.alloc(11, 2, chain=(*CHAIN[:-1], 0x7F005678))
    file.alloc(12, 3)
    trace, rows = read(path, file.content())
    frames = ("alloc_pages_noprof+0x10", "pgd_alloc+0x20", "pgd_alloc+0x1000")
    assert [trace.tables.stacks[stack] for stack in rows.stack] == [frames, frames, ()]
    callers = [trace.tables.callers[caller] for caller in rows.caller]
    assert callers == ["pgd_alloc", "pgd_alloc", "sh"]


def test_without_symbols_frames_are_addresses_and_callers_commands(path: Path) -> None:
    file = PerfFile(chains=True)
    file.comm(0, 7, "sh")
    file.alloc(10, 1, chain=CHAIN)
    trace, rows = read(path, file.content())
    assert trace.tables.stacks[rows.stack[0]][1] == "0xffffffff81002020"
    assert trace.tables.callers[rows.caller[0]] == "sh"


def _columns(batches: list[EventBatch]) -> dict[str, list[int]]:
    return {
        name: [value for batch in batches for value in getattr(batch, name)]
        for name in EventBatch.columns
    }


@pytest.mark.parametrize("room", [1 << 30, 1000, 0])
def test_looking_ahead_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr("buddysim.source.perf_samples.FIRST_CAPACITY", 16)
    monkeypatch.setattr("buddysim.source.rows_ahead._MOST_BYTES", room)
    file = PerfFile(chains=True, kallsyms=KALLSYMS)
    for n in range(100):
        file.alloc(1000 + n * 10, n + 1, tid=7 + n % 3, chain=CHAIN[: n % 5])
        file.comm(1000 + n * 10, 7, f"tool{n % 4}")
        if n % 9 == 0:
            file.lost(1)
            file.round()
    path.write_bytes(file.content())
    plain = open_trace(str(path))
    expected = _columns(list(plain.batches()))
    ahead = open_trace(str(path))
    assert isinstance(ahead, LooksAhead)
    assert isinstance(ahead, Counted)
    assert isinstance(plain, Counted)
    seen: list[EventBatch] = []
    ahead.look_ahead(lambda batch: seen.append(copy(batch)))
    assert _columns(seen) == expected
    assert (plain.expected_rows(), ahead.expected_rows()) == (0, 100)
    assert _columns(list(ahead.batches())) == expected
    assert ahead.tables == plain.tables
    assert ahead.meta == plain.meta


@pytest.mark.parametrize(("room", "whole"), [(10_000, True), (1, False)])
def test_rows_read_ahead_are_kept_only_while_all_fit(room: int, whole: bool) -> None:
    batches = [EventBatch(n) for n in range(4)]
    for batch in batches:
        batch.append(0, time_ns=batch.first)
    ahead = RowsAhead(room)
    seen: list[int] = []
    ahead.read(iter(batches), lambda batch: seen.append(batch.first))
    assert seen == [0, 1, 2, 3]
    assert ahead.is_whole is whole
    assert [batch.first for batch in ahead.take()] == (seen if whole else [])
    assert list(ahead.take()) == []


def test_a_column_of_one_number_comes_into_being_when_asked_for() -> None:
    ahead = RowsAhead()
    numbers = array("q", [7, 7, 7, 9])
    batch = ahead.batch(100, 3)
    assert ahead.put(batch, "aux", numbers, 0, 3) is None
    assert ahead.put(batch, "pfn", numbers, 1, 4) is not None
    assert (len(batch), batch.first, list(batch.pfn)) == (3, 100, [7, 7, 9])
    assert batch.aux is batch.aux
    batch.aux[1] = 8
    assert list(batch.aux) == [7, 8, 7]
    with pytest.raises(AttributeError):
        _ = batch.time_ns
    whole = copy(batch)
    assert (len(whole), list(whole.pfn)) == (3, [7, 7, 9])


def _mapped(build_id: str) -> PerfFile:
    """A recording of the kernel that runs here, if it has ``KALLSYMS``."""
    file = PerfFile(chains=True, release=os.uname().release, build_id=build_id)
    file.kernel(0xFFFFFFFF81000000)
    file.comm(0, 7, "sh")
    file.alloc(10, 1, chain=CHAIN)
    return file


def test_symbols_come_from_the_copy_that_perf_keeps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = path.parent / "kallsyms"
    running.write_text("0000000000000000 T _text\nffffffff81003000 T moved\t[mod]\n")
    monkeypatch.setattr("buddysim.source.kallsyms._RUNNING", running)
    kept = path.parent / ".debug/[kernel.kallsyms]" / ("5a" * 20)
    kept.mkdir(parents=True)
    (kept / "kallsyms").write_text(KALLSYMS)
    monkeypatch.setenv("HOME", str(path.parent))
    trace, rows = read(path, _mapped("5a" * 20).content())
    frames = trace.tables.stacks[rows.stack[0]]
    assert frames == ("alloc_pages_noprof+0x10", "pgd_alloc+0x20", "pgd_alloc+0x1000")
    trace, rows = read(path, _mapped("5b" * 20).content())
    assert trace.tables.stacks[rows.stack[0]][0] == "0xffffffff81001010"
    (kept / "kallsyms").write_text(KALLSYMS.replace("81000000 T _text", "81000040 T _text"))
    trace, rows = read(path, _mapped("5a" * 20).content())
    assert trace.tables.stacks[rows.stack[0]][0] == "0xffffffff81001010"


def test_functions_of_modules_are_those_of_the_running_kernel() -> None:
    now = b"ffffffff81003000 T moved\t[mod]\n"
    table = SymbolTable(KALLSYMS.encode(), lambda: now)
    assert table.frame(0xFFFFFFFF81003010) == "moved+0x10"
    assert table.frame(0xFFFFFFFF81001010) == "alloc_pages_noprof+0x10"


def test_compressed_records_give_the_same_rows(path: Path) -> None:
    file = PerfFile(chains=True, kallsyms=KALLSYMS)
    for n in range(200):
        file.alloc(n * 10, n + 1, chain=CHAIN[: n % 6])
    _, plain = read(path, file.content())
    file.compress()
    trace, rows = read(path, file.content())
    for name in rows.columns:
        assert getattr(rows, name) == getattr(plain, name)
    assert not trace.meta.truncated


def test_lost_events_are_counted(path: Path) -> None:
    file = PerfFile()
    file.alloc(10, 1)
    file.lost(5)
    trace, _ = read(path, file.content())
    assert trace.meta.lost_events == 5


def test_more_rows_than_fit_at_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buddysim.source.perf_samples.FIRST_CAPACITY", 16)
    file = PerfFile()
    for n in range(100):
        file.alloc(1000 - n, n + 1)
    _, rows = read(path, file.content())
    assert rows.pfn.tolist() == list(range(100, 0, -1))


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("block_bytes", [300, 4096, 5000])
def test_where_blocks_end_does_not_matter(
    path: Path, block_bytes: int, maps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = PerfFile()
    for time_ns in range(400):
        file.alloc(time_ns, 7 * time_ns, chain=(0xFFFF_8000_0000_1000 + time_ns % 3,))
        if time_ns % 90 == 0:
            file.round()
    _, whole = read(path, file.content())
    monkeypatch.setattr(perf_data, "_BLOCK_BYTES", block_bytes)
    if not maps:
        monkeypatch.setattr(file_window, "_POPULATE", None)
    trace, rows = read(path, file.content())
    assert not trace.meta.truncated
    assert _columns([rows]) == _columns([whole])
    assert len(rows) == 400


def test_profile_reads_masks_and_types_of_that_kernel(path: Path) -> None:
    file = PerfFile(release="6.12.0")
    file.alloc(10, 1, gfp=0xD0)
    trace, rows = read(path, file.content(), profile="3.13")
    assert trace.meta.profile == "3.13"
    assert rows.migratetype.tolist() == [2]
    assert rows.gfp[0] != 0xD0


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"PERFILE2" + (16).to_bytes(8, "little") + bytes(88), "written to a pipe"),
        (b"2ELIFREP" + bytes(100), "big-endian"),
        (b"PERFILE2" + bytes(30), "header damaged"),
        (PerfFile().content(), "without any record"),
    ],
)
def test_unusable_files_are_told_in_one_line(path: Path, content: bytes, found: str) -> None:
    with pytest.raises(TraceError, match=found) as caught:
        read(path, content)
    assert "\n" not in str(caught.value)


def test_samples_need_thread_time_cpu_and_raw_data() -> None:
    with pytest.raises(ValueError, match="without TIME, RAW"):
        sample_layout(2 | 128, 0)


def test_damaged_files_never_end_in_a_traceback(path: Path) -> None:
    file = PerfFile(chains=True, kallsyms=KALLSYMS)
    file.comm(0, 7, "sh")
    for n in range(30):
        file.alloc(n * 10, n + 1, chain=CHAIN)
        file.free(n * 10 + 5, n + 1)
    file.round()
    content = file.content()
    chance = random.Random(7)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(8, len(content))] = chance.randrange(256)
        keep = len(content) if chance.random() < 0.5 else chance.randrange(8, len(content))
        try:
            read(path, bytes(damaged[:keep]))
        except TraceError as error:
            assert "\n" not in str(error)  # noqa: PT017  # any outcome but a traceback is fine


def test_symbols_are_found_below_an_address_only() -> None:
    table = SymbolTable(KALLSYMS.encode() + b"damaged\n")
    assert table.frame(0xFFFFFFFF81001010) == "alloc_pages_noprof+0x10"
    assert table.frame(0xFFFFFFFF80000000) == "0xffffffff80000000"
    assert table.frame(0xFFFFFFFF91003000) == "0xffffffff91003000"
    assert table.address_of("mm_init") == 0xFFFFFFFF81003000
    assert table.address_of("data") == 0


def _plainly(kallsyms: str, address: int) -> str:
    """The rule itself, line by line."""
    found = []
    for line in kallsyms.splitlines():
        where, kind, name = line.split()[:3]
        if kind in "tTwW" and int(where, 16) < address:
            found.append((int(where, 16), name))
    if not found or address - max(found)[0] > 1 << 20:
        return f"{address:#x}"
    return f"{max(found)[1]}+{address - max(found)[0]:#x}"


def test_symbols_are_those_of_a_search_through_all_lines() -> None:
    chance = random.Random(5)
    base = 0xFFFFFFFF81000000
    starts = sorted(base + chance.randrange(1 << 16) // 4 * 4 for _ in range(600))
    starts += [base + (5 << 20), base + (7 << 20)]
    lines = [f"{at:016x} {chance.choice('tTwWdDr')} name{n % 90}" for n, at in enumerate(starts)]
    far = [chance.randrange(base + (6 << 20), base + (8 << 20)) for _ in range(300)]
    lines += [f"{at:016x} {chance.choice('tTd')} of{n}\t[mod]" for n, at in enumerate(far)]
    text = "\n".join(lines) + "\n"
    tables = [SymbolTable(text.encode()), SymbolTable(b"odd\n" + text.encode())]
    asked = [chance.randrange(base - 9, base + (9 << 20)) for _ in range(500)]
    asked += [at + chance.randrange(3) for at in starts]
    for table in tables:
        assert [table.frame(at) for at in asked] == [_plainly(text, at) for at in asked]
        assert table.address_of("of7") in (0, far[7])


def test_format_files_of_the_oracle_kernel_parse(oracle_dir: Path) -> None:
    form = parse_format((oracle_dir / "x86-ftrace/format/mm_page_alloc_extfrag").read_text())
    assert form is not None
    assert (form.name, form.id, form.fields["pfn"].offset) == ("mm_page_alloc_extfrag", 294, 8)
    assert form.fields["change_ownership"].signed


def test_cut_tracing_data_is_an_error() -> None:
    whole = perf_file.tracing_data(KALLSYMS)
    assert len(parse_tracing_data(whole).formats) == 2
    for size in range(0, len(whole) - 20, 7):
        with pytest.raises(ValueError, match=r"cut|end|magic"):
            parse_tracing_data(whole[:size])


def test_rows_equal_those_of_perf_script(tmp_path: Path) -> None:
    perf = shutil.which("perf")
    if perf is None:
        pytest.skip("perf is not installed")
    data, text = tmp_path / "perf.data", tmp_path / "perf.txt"
    events = "kmem:mm_page_alloc,kmem:mm_page_free,kmem:mm_page_free_batched"
    command = [perf, "record", "-q", "-g", "-o", str(data), "-e", events, "--", "ls", "/usr/lib"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("perf may not record kmem events here")
    with text.open("wb") as out:
        subprocess.run([perf, "script", "-i", str(data)], stdout=out, stderr=-3, check=True)

    def seen(path: Path) -> list[tuple[object, ...]]:
        trace = open_trace(str(path))
        return [
            (b.kind[i], b.pfn[i], b.order[i], b.gfp[i], b.migratetype[i], b.cpu[i],
             b.time_ns[i] // 1000, trace.tables.tasks[b.task[i]], trace.tables.callers[b.caller[i]])
            for b in trace.batches() for i in range(len(b))
        ]  # fmt: skip

    assert seen(data) == seen(text)
    one, two = (inspect_trace(open_trace(str(path))) for path in (data, text))
    assert one.events_digest == two.events_digest

"""trace.dat of trace-cmd, both versions: the events in it, and what damage does."""

from __future__ import annotations

import importlib.util
import lzma
import random
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.kernel.context import Context
from buddysim.report.inspect import inspect_trace
from buddysim.source.event import Counted, EventBatch, EventKind, LooksAhead
from buddysim.source.open import open_trace
from buddysim.source.trace_dat import TraceDatTrace

_spec = importlib.util.spec_from_file_location(
    "trace_dat_file", Path(__file__).with_name("trace_dat_file.py")
)
assert _spec is not None
assert _spec.loader is not None
dat = importlib.util.module_from_spec(_spec)
sys.modules["trace_dat_file"] = dat
_spec.loader.exec_module(dat)
TraceDat, alloc, entry, free, page, stack = (
    dat.TraceDat, dat.alloc, dat.entry, dat.free, dat.page, dat.stack,
)  # fmt: skip

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "trace-dat"
KALLSYMS = (
    b"ffffffff81000000 T _text\nffffffff81000100 T alloc_pages_noprof\n"
    b"ffffffff81000200 T pgd_alloc\nffffffff81000300 T __slab\n"
)
VERSIONS = ["6", "7", "zstd", "zlib"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.dat"


def content_of(file: TraceDat, version: str) -> bytes:
    if version == "6":
        return file.version_6()
    if version == "zstd":
        pytest.importorskip("zstandard", reason="compressed recordings need it")
    return replace(file, compression="none" if version == "7" else version).version_7()


def read(path: Path, content: bytes) -> tuple[EventBatch, TraceDatTrace]:
    path.write_bytes(content)
    trace = open_trace(str(path))
    assert isinstance(trace, TraceDatTrace)
    joined = EventBatch()
    for batch in trace.batches():
        assert batch.first == len(joined)
        for name in EventBatch.columns:
            getattr(joined, name).extend(getattr(batch, name))
    return joined, trace


def tasks(rows: EventBatch, trace: TraceDatTrace) -> list[str]:
    return [trace.tables.tasks[task] for task in rows.task]


TWO_CPUS = TraceDat(
    cpus=[
        [page(1000, entry(0, alloc(64, order=3, gfp=0x820)), entry(50, free(64, order=3)))],
        [page(1010, entry(0, alloc(-1, pid=8)), entry(20, alloc(99, pid=5, flags=0x11, depth=2)))],
    ],
    kallsyms=KALLSYMS,
)


@pytest.mark.parametrize("version", VERSIONS)
def test_events_of_all_cpus_in_order_of_time(path: Path, version: str) -> None:
    rows, trace = read(path, content_of(TWO_CPUS, version))
    assert rows.kind.tolist() == [EventKind.ALLOC, EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE]
    assert rows.time_ns.tolist() == [1000, 1010, 1030, 1050]
    assert rows.cpu.tolist() == [0, 1, 1, 0]
    assert rows.pfn.tolist() == [64, -1, 99, 64]
    assert rows.order.tolist() == [3, 0, 0, 3]
    assert rows.gfp[0] == 0x820
    assert rows.migratetype.tolist() == [1, 1, 1, -1]
    both = Context.IRQS_OFF | Context.SOFTIRQ | Context.PREEMPT_OFF
    assert rows.context.tolist() == [0, 0, both, 0]
    assert tasks(rows, trace) == ["sh-7", "my comm-8", "<...>-5", "sh-7"]
    assert trace.meta.format == "trace-dat"
    assert f"version {6 if version == '6' else 7}" in trace.meta.layout
    assert not trace.meta.truncated


@pytest.mark.parametrize("version", VERSIONS)
def test_chains_belong_to_the_event_before_them_also_across_pages(path: Path, version: str) -> None:
    chain = stack(0xFFFFFFFF81000110, 0xFFFFFFFF81000220, 0, 2**64 - 1)
    pages = [
        page(10, entry(0, alloc(1)), entry(0, chain), entry(5, alloc(2))),
        page(20, entry(0, chain), entry(1, alloc(3)), entry(1, dat.head(dat.USER_STACK, 7))),
        page(30, entry(0, stack(0xFFFFFFFF81000220, pid=99)), entry(1, free(3))),
    ]
    file = TraceDat(cpus=[pages, [page(12, entry(0, free(50)))]], kallsyms=KALLSYMS)
    rows, trace = read(path, content_of(file, version))
    assert rows.time_ns.tolist() == [10, 12, 15, 21, 31]
    frames = [trace.tables.stacks[number] for number in rows.stack]
    known = ("alloc_pages_noprof+0x10", "pgd_alloc+0x20")
    assert frames == [known, (), known, (), ()]
    callers = [trace.tables.callers[number] for number in rows.caller]
    assert callers == ["pgd_alloc", "sh", "pgd_alloc", "sh", "sh"]


def test_an_interrupt_may_come_between_an_event_and_its_chain(path: Path) -> None:
    softirq, hardirq = 0x10, 0x18
    deep = dat.head(dat.STACK, 7, hardirq) + struct.pack("<i4xQ", 1, 0xFFFFFFFF81000320)
    entries = [
        entry(0, alloc(1)),
        entry(1, alloc(2, flags=softirq)),
        entry(1, alloc(3, flags=hardirq)),
        entry(0, deep),
        entry(1, stack(0xFFFFFFFF81000220)),
    ]
    rows, trace = read(path, TraceDat(cpus=[[page(9, *entries)]], kallsyms=KALLSYMS).version_7())
    assert rows.pfn.tolist() == [1, 2, 3]
    frames = [trace.tables.stacks[number] for number in rows.stack]
    assert frames == [("pgd_alloc+0x20",), (), ("__slab+0x20",)]


def test_times_are_extended_stamped_and_shifted(path: Path) -> None:
    entries = [
        entry(3, alloc(1)),
        dat.extend((1 << 27) + 5),
        entry(1, alloc(2), long=True),
        dat.padding(24),
        dat.stamp(1 << 40),
        entry(2, alloc(3)),
        struct.pack("<I", 29),
    ]
    rows, _ = read(path, TraceDat(cpus=[[page(100, *entries)]]).version_6())
    # the padding itself took one unit, then the stamp set the time
    assert rows.time_ns.tolist() == [103, 109 + (1 << 27), (1 << 40) + 2]
    file = TraceDat(cpus=[[page(100, *entries[:1])]], options=[(7, b"-50\0"), (1, b"0x2\0")])
    rows, _ = read(path, file.version_7())
    assert rows.time_ns.tolist() == [103 - 50 + 2000]


@pytest.mark.parametrize(
    ("multiplier", "shift", "time_ns"),
    [
        (3, 1, 15_000_000_018),
        (1398101, 22, 3_333_332_542),  # 3 GHz
        (1 << 31, 32, 5_000_000_006),
        (4_000_000_000, 40, 36_379_788),
        (1, 63 + 64, 0),  # no more than 6 bits of the shift count
    ],
)
def test_cycles_become_nanoseconds(path: Path, multiplier: int, shift: int, time_ns: int) -> None:
    told = struct.pack("<IIQ", multiplier, shift, 1000)
    options = [(4, b"local [x86-tsc] mono\n\0"), (14, told)]
    pages = [page(10_000_000_010, entry(2, alloc(1)))]
    rows, trace = read(path, TraceDat([pages], options=options).version_6())
    assert rows.time_ns.tolist() == [time_ns + 1000]
    assert "clock x86-tsc" in trace.meta.layout


@pytest.mark.parametrize(
    ("release", "profile", "migratetype"),
    [("4.4.0-generic", "4.4", 1), ("2.6.32-5", "2.6.32", 2), ("6.18.1", "6.18", 1), ("odd", "", 1)],
)
def test_the_kernel_that_recorded_decides_the_era(
    path: Path, release: str, profile: str, migratetype: int
) -> None:
    options = [(5, f"Linux host {release} #1 SMP x86_64\0".encode())]
    file = TraceDat(cpus=[[page(0, entry(0, alloc(1)))]], options=options)
    rows, trace = read(path, file.version_7())
    assert trace.meta.profile == profile
    assert f"kernel {release}" in trace.meta.layout
    assert rows.migratetype[0] == migratetype, "type 1 was Reclaimable before 4.4"


def test_an_impossible_time_loses_its_page(path: Path) -> None:
    pages = [page(5, entry(0, alloc(1))), page(2**64 - 9, entry(0, alloc(2)))]
    rows, trace = read(path, TraceDat(cpus=[pages]).version_6())
    assert rows.pfn.tolist() == [1]
    assert trace.meta.skipped_lines == 1


def test_lost_events_are_counted(path: Path) -> None:
    pages = [page(0, entry(0, alloc(1)), lost=7), page(9, entry(0, alloc(2)), flags=1 << 31)]
    _, trace = read(path, TraceDat(cpus=[pages]).version_7())
    assert trace.meta.lost_events == 8
    stats = b"entries: 3\noverrun: 30\ncommit overrun: 1\ndropped events: 4\n\0"
    _, trace = read(path, TraceDat(cpus=[pages], options=[(2, stats)]).version_7())
    assert trace.meta.lost_events == 34


def test_pages_of_an_instance_are_found(path: Path) -> None:
    file = TraceDat(cpus=TWO_CPUS.cpus, instance=True)
    rows, _ = read(path, file.version_6())
    assert rows.pfn.tolist() == [64, -1, 99, 64]
    file = TraceDat(cpus=TWO_CPUS.cpus, page_size_in_buffer=False)
    assert read(path, file.version_7())[0].pfn.tolist() == [64, -1, 99, 64]


def test_other_events_keep_their_names(path: Path) -> None:
    entries = [entry(0, dat.head(dat.OTHER, 7) + bytes(8)), entry(1, dat.head(999, 7) + bytes(8))]
    rows, trace = read(path, TraceDat(cpus=[[page(0, *entries)]]).version_6())
    assert rows.kind.tolist() == [EventKind.OTHER] * 2
    assert [trace.tables.names[name] for name in rows.aux] == ["sched_switch", "event 999"]


def test_many_pages_come_in_batches_and_in_order(path: Path) -> None:
    def pages(first: int) -> list[bytes]:
        return [
            page(at, *(entry(2 * (n > 0), free(1 + n)) for n in range(150)))
            for at in range(first, 300_000, 300)
        ]

    rows, _ = read(path, TraceDat(cpus=[pages(0), pages(1)]).version_7())
    assert rows.time_ns.tolist() == list(range(300_000))
    assert rows.cpu.tolist() == [0, 1] * 150_000


def test_events_of_one_time_come_in_order_of_their_cpus(path: Path) -> None:
    late = [page(7, entry(0, free(1)), entry(0, free(2)), entry(1, free(5)))]
    early = [page(6, entry(1, free(3)), entry(0, free(4)), entry(1, free(6)))]
    rows, _ = read(path, TraceDat(cpus=[late, early]).version_7())
    assert rows.pfn.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("room", [1 << 20, 100])
def test_rows_read_ahead_come_again(path: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [page(at, entry(0, alloc(1 + at)), entry(1, free(1 + at))) for at in range(0, 90, 3)]
    damaged = pages[3].replace(entry(1, free(10)), struct.pack("<I", 1 << 5) * 6)
    file = TraceDat(
        cpus=[[*pages[:3], damaged, *pages[4:], page(99, flags=5000)]], kallsyms=KALLSYMS
    )
    told, plain = read(path, file.version_7())
    assert plain.meta.skipped_lines == 1
    assert plain.meta.truncated
    trace = open_trace(str(path))
    assert isinstance(trace, LooksAhead)
    assert isinstance(trace, Counted)
    assert trace.expected_rows() == 0
    monkeypatch.setattr("buddysim.source.rows_ahead._MOST_BYTES", room)
    ahead = EventBatch()
    trace.look_ahead(lambda batch: ahead.time_ns.extend(batch.time_ns))
    assert ahead.time_ns == told.time_ns
    assert trace.expected_rows() == len(told)
    rows = [(row, batch.pfn[row]) for batch in trace.batches() for row in range(len(batch))]
    assert rows == list(enumerate(told.pfn))
    assert trace.meta == plain.meta


@pytest.mark.parametrize("version", ["6", "zstd"])
def test_a_cut_file_gives_what_stands_before_the_cut(path: Path, version: str) -> None:
    pages = [page(at * 100, entry(0, alloc(at + 1))) for at in range(10)]
    whole = content_of(TraceDat(cpus=[pages]), version)
    if version == "6":
        rows, trace = read(path, whole[: -3 * dat.PAGE_BYTES - 4090])
        assert rows.pfn.tolist() == [1, 2, 3, 4, 5, 6]
        assert trace.meta.truncated
        return
    damaged = bytearray(whole)
    at = whole.index(b"\x28\xb5\x2f\xfd", dat.PAGE_BYTES + 2)
    damaged[at : at + 4] = b"????"
    with pytest.raises(TraceError, match="without any event"):
        read(path, bytes(damaged))


def test_a_damaged_page_loses_itself_only(path: Path) -> None:
    broken = bytearray(page(100, entry(0, alloc(2)), entry(1, alloc(3))))
    broken[16 + 4 + 36] = 0  # the second entry is now one that must tell its length
    broken[16 + 4 + 36 + 4 : 16 + 4 + 36 + 8] = b"\xff\xff\xff\x7f"
    pages = [page(0, entry(0, alloc(1))), bytes(broken), page(200, entry(0, alloc(4)))]
    rows, trace = read(path, TraceDat(cpus=[pages]).version_6())
    assert rows.pfn.tolist() == [1, 2, 4]
    assert trace.meta.skipped_lines == 1


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda data: data.replace(b"tracing7\0", b"tracing8\0"), "version 8"),
        (lambda data: data.replace(b"tracing7\0\0", b"tracing7\0\1"), "big-endian"),
        (lambda data: data.replace(b"\0\x08\0\x10\0\0", b"\0\x08\0\0\0\0"), "pages of 0 bytes"),
        (lambda data: data.replace(b"zstd\0", b"lzip\0"), "compressed by 'lzip'"),
        (lambda data: data.replace(b"commit;", b"commiT;"), "header_page without"),
        (lambda data: data[:200], "header damaged"),
    ],
)
def test_unusable_files_are_told_in_one_line(path: Path, change, found: str) -> None:
    path.write_bytes(change(content_of(TWO_CPUS, "zstd" if "lzip" in found else "7")))
    with pytest.raises(TraceError, match=found) as caught:
        for _ in open_trace(str(path)).batches():
            pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cpus", [[[]], [[page(0)]]])
def test_files_without_events_say_so(path: Path, cpus: list[list[bytes]]) -> None:
    path.write_bytes(TraceDat(cpus=cpus).version_7())
    with pytest.raises(TraceError, match=r"without any (record|event)"):
        list(open_trace(str(path)).batches())


@pytest.mark.parametrize("version", VERSIONS)
def test_damage_never_ends_in_a_traceback(path: Path, version: str) -> None:
    pages = [
        page(at, *(entry(1, alloc(n)) + entry(0, stack(1, 2)) for n in range(20)))
        for at in range(0, 500, 100)
    ]
    whole = content_of(TraceDat(cpus=[pages, pages[:2]], kallsyms=KALLSYMS), version)
    chance = random.Random(11)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(10, len(whole))] = chance.randrange(256)
        keep = len(whole) if chance.random() < 0.6 else chance.randrange(10, len(whole))
        try:
            read(path, bytes(damaged[:keep]))
        except TraceError as error:
            assert "\n" not in str(error)  # noqa: PT017  # any outcome but a traceback is fine


def whole_file(name: str, folder: Path) -> str:
    """A file of the corpus, unpacked where it is packed."""
    source = CORPUS / name
    if source.suffix != ".xz":
        return str(source)
    target = folder / source.stem
    target.write_bytes(lzma.decompress(source.read_bytes()))
    return str(target)


@pytest.mark.parametrize("name", ["plain.v6.dat.xz", "plain.v7.dat"])
def test_files_of_trace_cmd_hold_what_it_reports(name: str, tmp_path: Path) -> None:
    found = inspect_trace(open_trace(whole_file(name, tmp_path)))
    report = open_trace(whole_file("plain.report.txt.xz", tmp_path), profile="6.18")
    told = inspect_trace(report)
    assert found.events == 678
    assert found.events_digest == told.events_digest
    assert found.events_by_kind == told.events_by_kind
    assert found.orders_by_migratetype == told.orders_by_migratetype
    assert (found.skipped_lines, found.truncated, found.lost_events) == (0, False, 0)


def test_chains_are_those_of_the_report_but_where_an_interrupt_came_between(tmp_path: Path) -> None:
    def callers(path: str) -> list[tuple[int, int, str]]:
        trace = open_trace(path, profile="6.18")
        return [
            (batch.kind[row], batch.pfn[row], trace.tables.callers[batch.caller[row]])
            for batch in trace.batches()
            for row in range(len(batch))
        ]

    ours = callers(whole_file("stacks.v7.dat", tmp_path))
    told = callers(whole_file("stacks.report.txt.xz", tmp_path))
    differing = [(one[2], two[2]) for one, two in zip(ours, told, strict=True) if one != two]
    # The report does not print in which context an event was.
    assert differing == [("folios_put_refs", "ls")]


def test_files_of_trace_cmd_hold_what_the_kernel_printed(tmp_path: Path) -> None:
    def seen(path: str) -> list[tuple[object, ...]]:
        trace = open_trace(path, profile="6.18")
        columns = ("kind", "cpu", "order", "migratetype", "gfp", "context")
        return [
            (
                *(getattr(batch, name)[row] for name in columns),
                trace.tables.tasks[batch.task[row]],
                trace.tables.callers[batch.caller[row]],
                [frame.partition("+")[0] for frame in trace.tables.stacks[batch.stack[row]]],
                # pointers are printed hashed, pages not
                batch.pfn[row] if batch.kind[row] < EventKind.KMALLOC else 0,
            )
            for batch in trace.batches()
            for row in range(len(batch))
        ]

    ours = seen(whole_file("stacks.v7.dat", tmp_path))
    assert len(ours) == 218
    assert ours == seen(whole_file("stacks.kernel.txt.xz", tmp_path))

"""Ring buffer pages against a reader that takes them apart one entry at a time."""

from __future__ import annotations

import importlib.util
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddysim.errors import TraceError
from buddysim.source.event import EventKind, TraceMeta
from buddysim.source.ring_layout import TraceClock
from buddysim.source.trace_dat import TraceDatTrace

_spec = importlib.util.spec_from_file_location(
    "trace_dat_file", Path(__file__).with_name("trace_dat_file.py")
)
assert _spec is not None
assert _spec.loader is not None
dat = importlib.util.module_from_spec(_spec)
sys.modules["trace_dat_file"] = dat
_spec.loader.exec_module(dat)

HEAD_BYTES = 16
NEEDED_BYTES = {dat.ALLOC: 36, dat.FREE: 20}
KINDS = {dat.ALLOC: EventKind.ALLOC, dat.FREE: EventKind.FREE}
LEVEL_FLAGS = (0x00, 0x10, 0x18, 0x58)
SOME_FRAMES = (0, 0x1000, 0x2000, 2**64 - 1)
Row = tuple[int, int, int, int, tuple[str, ...]]
"""Time, cpu, kind, pfn, frames."""


def entries_of(page: bytes) -> Iterator[tuple[int, bytes]]:
    """(time, raw record) in order.  Raises ValueError for what cannot be."""
    time, commit = struct.unpack_from("<QI", page)
    at, end = HEAD_BYTES, HEAD_BYTES + (commit & 0xFFFFF)
    while at + 4 <= end:
        (word,) = struct.unpack_from("<I", page, at)
        kind, delta = word & 31, word >> 5
        if 1 <= kind <= 28:
            raw, after = at + 4, at + 4 + 4 * kind
        elif kind == 29 and not delta:
            return
        elif at + 8 > end:
            raise ValueError("cut")
        else:
            (more,) = struct.unpack_from("<I", page, at + 4)
            if kind >= 30:
                time = time + (more << 27) + delta if kind == 30 else more << 27 | delta
                at += 8
                continue
            raw, after = at + 8, at + 4 + more
            if more < 4:
                raise ValueError("length")
        time += delta
        at = after
        if kind != 29:
            if after > end or after - raw < 8:
                raise ValueError("beyond")
            yield time, page[raw:after]


def level_of(raw: bytes) -> int:
    return 3 if raw[2] & 0x40 else 2 if raw[2] & 8 else 1 if raw[2] & 0x10 else 0


class Naive:
    """What a file of these pages holds."""

    def __init__(self, cpus: list[list[bytes]]) -> None:
        self.rows: list[Row] = []
        self.skipped = self.lost = 0
        self.is_cut = False
        for cpu, pages in enumerate(cpus):
            held: list[tuple[int, bytes]] = []
            for page in pages:
                commit = struct.unpack_from("<I", page, 8)[0]
                if HEAD_BYTES + (commit & 0xFFFFF) > len(page):
                    self.is_cut = True
                    break
                if commit & 0xFFFFF:
                    self.lost += commit >> 31
                    try:
                        for time, raw in entries_of(page):
                            self.take(held, cpu, time, raw)
                    except ValueError:
                        self.skipped += 1
            while held:
                self.row(cpu, *held.pop(), b"")

    def take(self, held: list[tuple[int, bytes]], cpu: int, time: int, raw: bytes) -> None:
        number = struct.unpack_from("<H", raw)[0]
        if number == dat.USER_STACK:
            return
        if time >= 1 << 62:
            raise ValueError("time")
        is_stack, level = number == dat.STACK, level_of(raw)
        while held and level_of(held[-1][1]) >= level + is_stack:
            self.row(cpu, *held.pop(), b"")
        if not is_stack:
            held.append((time, raw))
        elif held and level_of(held[-1][1]) == level and held[-1][1][4:8] == raw[4:8]:
            self.row(cpu, *held.pop(), raw)

    def row(self, cpu: int, time: int, raw: bytes, chain: bytes) -> None:
        number = struct.unpack_from("<H", raw)[0]
        if len(raw) < NEEDED_BYTES.get(number, 8):
            self.skipped += 1
            return
        pfn = struct.unpack_from("<q", raw, 8)[0] if number in KINDS else -1
        nr_frames = struct.unpack_from("<I", chain.ljust(12, b"\0"), 8)[0]
        words = [word for (word,) in struct.iter_unpack("<Q", chain[16 : len(chain) // 8 * 8])]
        frames = tuple(hex(word) for word in words[:nr_frames] if 0 < word < 2**64 - 1)
        self.rows.append((time, cpu, int(KINDS.get(number, EventKind.OTHER)), pfn, frames))


@st.composite
def records(draw: st.DrawFn, *, shapes: str) -> tuple[int, bytes]:
    """One entry of a page, after the time that it takes."""
    delta = draw(st.integers(0, 3))
    shape = draw(st.sampled_from(shapes))
    if shape == "p":
        return 1, dat.padding(draw(st.sampled_from((8, 12, 40))))
    if shape == "x":
        more = draw(st.integers(0, 1 << 30))
        return more, dat.extend(more)
    if shape == "t":
        return 0, dat.stamp(draw(st.integers(0, 1 << 40)))
    pid, flags = draw(st.sampled_from((7, 7, 7, 8))), draw(st.sampled_from(LEVEL_FLAGS))
    pfn = draw(st.integers(1, 500))
    if shape == "a":
        raw = dat.alloc(pfn, pid=pid)
    elif shape == "f":
        raw = dat.free(pfn, pid=pid)
    elif shape == "s":
        raw = dat.stack(*draw(st.lists(st.sampled_from(SOME_FRAMES), max_size=5)), pid=pid)
    else:
        raw = dat.head(dat.OTHER if shape == "o" else dat.USER_STACK, pid)
    raw = raw[:2] + bytes((flags,)) + raw[3:]
    return delta, dat.entry(delta, raw, long=draw(st.booleans()))


@st.composite
def buffers(draw: st.DrawFn, *, damaged: bool) -> list[bytes]:
    """The pages of one cpu.  Damaged: times may run backwards, and pages contradict themselves."""
    shapes = "aaaffsssssoupx" + "t" * damaged
    pages, time = [], draw(st.integers(0, 50))
    for timed in draw(st.lists(st.lists(records(shapes=shapes), max_size=8), max_size=6)):
        entries = [entry for _, entry in timed]
        flags = draw(st.sampled_from((0, 0, 0, 1 << 31)))
        page = bytearray(dat.page(time, *entries, flags=flags))
        time += draw(st.integers(0, 40)) + sum(delta for delta, _ in timed)
        damage = draw(st.integers(0, 12)) if damaged else -1
        if damage == 0 and entries:
            # The head of an entry, so that what follows is taken for what it is not.
            at = HEAD_BYTES + sum(map(len, entries[: draw(st.integers(0, len(entries) - 1))]))
            struct.pack_into("<I", page, at, draw(st.integers(0, 2**32 - 1)))
        elif damage == 1:
            struct.pack_into("<I", page, 8, draw(st.integers(0, 4200)) | flags)
        pages.append(bytes(page))
    return pages


def read(content: bytes, enough: int) -> tuple[list[Row], TraceMeta]:
    """All rows; ``enough`` of them are sorted and handed out."""
    rows: list[Row] = []
    with tempfile.NamedTemporaryFile(suffix=".dat") as target:
        target.write(content)
        target.flush()
        trace = TraceDatTrace(target.name)
        with patch("buddysim.source.trace_dat.BATCH_EVENTS", enough):
            for batch in trace.batches():
                frames = [trace.tables.stacks[stack] for stack in batch.stack]
                columns = (batch.time_ns, batch.cpu, batch.kind, batch.pfn, frames)
                rows += zip(*columns, strict=True)
    return rows, trace.meta


@pytest.mark.parametrize("compression", ["", "none", "zlib"])
@given(
    cpus=st.lists(buffers(damaged=True), min_size=1, max_size=4),
    enough=st.sampled_from((1, 10, 10_000)),
)
@settings(max_examples=120, deadline=None)
def test_pages_hold_what_taking_them_apart_slowly_finds(
    compression: str, cpus: list[list[bytes]], enough: int
) -> None:
    file = dat.TraceDat(cpus, compression=compression)
    content = file.version_7() if compression else file.version_6()
    naive = Naive(cpus)
    if not naive.rows:
        with pytest.raises(TraceError, match=r"without any (record|event)"):
            read(content, enough)
        return
    rows, meta = read(content, enough)
    assert sorted(rows) == sorted(naive.rows)
    found = (meta.skipped_lines, meta.lost_events, meta.truncated)
    assert found == (naive.skipped, naive.lost, naive.is_cut)


@given(
    cpus=st.lists(buffers(damaged=False), min_size=1, max_size=4),
    enough=st.sampled_from((1, 10, 10_000)),
)
@settings(max_examples=120, deadline=None)
def test_rows_come_in_order_of_time_and_cpu_however_few_are_held(
    cpus: list[list[bytes]], enough: int
) -> None:
    naive = Naive(cpus)
    if naive.rows:
        rows, meta = read(dat.TraceDat(cpus).version_7(), enough)
        assert sorted(rows) == sorted(naive.rows)
        assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
        assert not meta.skipped_lines


def test_a_cpu_that_stays_idle_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buddysim.source.trace_dat.BATCH_EVENTS", 100)
    busy = [
        dat.page(at, *(dat.entry(1, dat.free(1 + n)) for n in range(50)))
        for at in range(0, 50_000, 50)
    ]
    idle = [dat.page(1, dat.entry(0, dat.alloc(1))), dat.page(49_000, dat.entry(0, dat.free(1)))]
    quiet = [dat.page(1, dat.entry(0, dat.alloc(2)))]
    with tempfile.NamedTemporaryFile(suffix=".dat") as target:
        target.write(dat.TraceDat([busy, idle, quiet]).version_6())
        target.flush()
        trace = TraceDatTrace(target.name)
        largest = max(map(len, trace.batches()))
    assert largest < 2000


@given(
    clock=st.builds(
        TraceClock,
        st.integers(0, 2**32 - 1),
        st.integers(0, 63),
        st.one_of(st.integers(-(2**63), 2**63), st.integers(-(10**9), 10**9)),
    ),
    time=st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 2**40)),
)
@settings(max_examples=60, deadline=None)
def test_cycles_are_scaled_in_64_bits_as_with_any_number_of_them(
    clock: TraceClock, time: int
) -> None:
    cycles = struct.pack("<IIQ", clock.multiplier, clock.shift, 0)
    options = [(4, b"[x86-tsc]\0"), (14, cycles), (7, str(clock.offset).encode() + b"\0")]
    pages = [dat.page(time, dat.entry(0, dat.alloc(1)))]
    file = dat.TraceDat([pages, [dat.page(0, dat.entry(0, dat.free(1)))]], options=options)
    found = []
    with tempfile.NamedTemporaryFile(suffix=".dat") as target:
        target.write(file.version_6())
        target.flush()
        try:
            for batch in TraceDatTrace(target.name).batches():
                found += zip(batch.kind, batch.time_ns, strict=True)
        except TraceError:
            assert not found
    expected = [
        (kind, clock.ns(at))
        for kind, at in ((int(EventKind.ALLOC), time), (int(EventKind.FREE), 0))
        if 0 <= clock.ns(at) < 1 << 62
    ]
    assert sorted(found) == sorted(expected)

"""Reads trace-cmd's ``trace.dat`` itself: no trace-cmd needed.

The pages of all cpus are taken in order of their first times.  Each entry becomes a record of the
shape that perf samples have, so that one scanner decodes both (:mod:`perf_samples`); a
``kernel_stack`` entry becomes the call chain of the entry before it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from buddysim.errors import TraceError
from buddysim.source.decoder import CallerBy, CallerNames
from buddysim.source.event import BATCH_EVENTS, EventBatch, Tables, TraceMeta
from buddysim.source.kallsyms import SymbolTable
from buddysim.source.perf_decoder import PerfDecoder
from buddysim.source.perf_order import RowOrder
from buddysim.source.perf_samples import SampleLayout, SampleScanner
from buddysim.source.ring_buffer import PageLayout, RingPage, page_of
from buddysim.source.sniff import DEFAULT_PROFILE, era_of_release
from buddysim.source.trace_dat_header import (
    CpuPages,
    TraceDatHeader,
    decompressor,
    read_trace_dat_header,
)

__all__ = ["TraceDatTrace"]

_RECORD = struct.Struct("<IHHIIqQ")
"""Type, misc, size, tid, cpu, time, number of frames."""
_SAMPLE = 9
_LAYOUT = SampleLayout(tid_at=8, time_at=16, cpu_at=12, fixed_end=24, read_format=-1, has_chain=1)
_HEAD = struct.Struct("<HBBi")
_HARDIRQ, _SOFTIRQ, _NMI = 0x08, 0x10, 0x40
_STACK_AT = 16
_FRAMES_MAX = 1024
_LARGEST_RECORD = 0xFFFF
_UNKNOWN = "<...>"
_FOREVER = 1 << 62


class TraceDatTrace:
    """A :class:`Trace` over a trace.dat file.  ``batches`` may be consumed once."""

    def __init__(self, path: str, *, profile: str = "", caller_by: CallerBy = "function") -> None:
        """Raises TraceError for a file that is damaged or holds no records."""
        try:
            with Path(path).open("rb") as file:
                self._data = mmap(file.fileno(), 0, access=ACCESS_READ)
        except (OSError, ValueError) as error:
            raise TraceError(f"cannot be mapped: {error}", path=path) from error
        self._header = header = read_trace_dat_header(self._data, path)
        if not any(pages.size for pages in header.cpus):
            raise TraceError("trace.dat without any record", path=path)
        era = profile or era_of_release(header.release)
        self.meta = TraceMeta(path, "trace-dat", layout=_told(header), profile=era)
        self.tables = Tables()
        names = CallerNames(self.tables, caller_by)
        self._decoder = PerfDecoder(
            self.meta, names, header.formats, era or DEFAULT_PROFILE, own_depth=0
        )
        self._scanner = SampleScanner(self._decoder, _LAYOUT)
        self._order = RowOrder(self._scanner, names, unknown=_UNKNOWN)
        self._entries = _Entries(header)
        self._layout = PageLayout(header.page_bytes, header.commit_bytes, header.data_offset)
        self._lost = 0
        kallsyms = header.kallsyms
        if kallsyms.strip():
            self._decoder.load_symbols = lambda: _symbols(kallsyms)

    def batches(self) -> Iterator[EventBatch]:
        """Rows in order of time.  Raises TraceError when the file holds no event."""
        self._order.named(-1, 0, "<idle>")
        for pid, comm in self._header.comms.items():
            self._order.named(-1, pid, comm)
        for page, place, oldest_to_come in self._pages():
            self._lost += max(page.lost, 1) if page.lost else 0
            self._scan(self._entries.records(page, place, self._header.cpus[place].cpu))
            if self._scanner.count >= BATCH_EVENTS:
                yield from self._order.flush(min(oldest_to_come, self._entries.oldest_held()) - 1)
        self._scan(self._entries.rest())
        yield from self._order.flush()
        self.meta.skipped_lines += self._scanner.skipped
        self.meta.lost_events = max(self._header.lost_events, self._lost)
        if not self._order.first:
            raise TraceError("trace.dat without any event", path=self.meta.path)

    def _pages(self) -> Iterator[tuple[RingPage, int, int]]:
        """(page, buffer's number, time before which nothing more will come), oldest first."""
        waiting: list[_Waiting] = []
        for place, pages in enumerate(self._header.cpus):
            _push_next(waiting, place, self._pages_of(pages))
        while waiting:
            _, place, page, rest = heappop(waiting)
            _push_next(waiting, place, rest)
            yield page, place, self._entries.ns(waiting[0][0]) if waiting else _FOREVER

    def _pages_of(self, pages: CpuPages) -> Iterator[RingPage]:
        """The whole pages of one cpu; damage ends them."""
        size = self._layout.page_bytes
        try:
            for block in self._blocks(pages):
                for start in range(0, len(block), size):
                    page = page_of(block[start : start + size], self._layout)
                    if page.data:
                        yield page
        except ValueError:
            self.meta.truncated = True

    def _blocks(self, pages: CpuPages) -> Iterator[bytes]:
        """Some pages at a time.  Raises ValueError when the file is cut or damaged."""
        if not pages.size:
            return
        if not pages.is_compressed:
            size = self._layout.page_bytes
            for start in range(pages.offset, pages.offset + pages.size, size):
                block = self._data[start : start + size]
                if not block:
                    raise ValueError("pages beyond the end of the file")
                yield block
            return
        inflate = decompressor(self._header.compression, self.meta.path)
        yield from _chunks(self._data, pages.offset, inflate)

    def _scan(self, records: Iterator[bytes]) -> None:
        """Decode one page's records into rows; what stands before damage counts."""
        found: list[bytes] = []
        try:
            found.extend(records)
        except ValueError:
            self.meta.skipped_lines += 1
        block = b"".join(found)
        pos = 0
        while pos < len(block):
            pos = self._scanner.scan(block, pos)
            if pos < len(block):
                self._scanner.grow()


_Waiting = tuple[int, int, RingPage, Iterator[RingPage]]
"""Time of a page, number of its buffer, the page, the pages after it."""


def _push_next(waiting: list[_Waiting], place: int, pages: Iterator[RingPage]) -> None:
    page = next(pages, None)
    if page is not None:
        heappush(waiting, (page.time, place, page, pages))


def _chunks(data: mmap, offset: int, inflate: Callable[[bytes, int], bytes]) -> Iterator[bytes]:
    """Decompressed parts: their number, then for each both sizes and the bytes."""
    count = int.from_bytes(data[offset : offset + 4], "little")
    pos = offset + 4
    for _ in range(count):
        packed = int.from_bytes(data[pos : pos + 4], "little")
        whole = int.from_bytes(data[pos + 4 : pos + 8], "little")
        content = data[pos + 8 : pos + 8 + packed]
        if len(content) < packed or not packed:
            raise ValueError("chunk cut")
        yield inflate(content, whole)
        pos += 8 + packed


class _Event(NamedTuple):
    """An event whose call chain may still come."""

    time_ns: int
    pid: int
    level: int
    """0 of a task, 1 of a soft interrupt, 2 of a hard one, 3 of an NMI."""
    cpu: int
    raw: bytes


class _Entries:
    """Turns the entries of a page into sample records."""

    def __init__(self, header: TraceDatHeader) -> None:
        by_name = {form.name: number for number, form in header.formats.items()}
        self._stack_type = by_name.get("kernel_stack", -1)
        fields = header.formats[self._stack_type].fields if self._stack_type >= 0 else {}
        self._stack_at = fields["caller"].offset if "caller" in fields else _STACK_AT
        self._is_counted = "size" in fields
        self._user_stack_type = by_name.get("user_stack", -1)
        self._held: dict[int, list[_Event]] = {}
        """By buffer, in order of their levels."""
        self._shift = header.shift_ns
        self._tsc = header.tsc if header.clock in ("x86-tsc", "tsc2nsec") else None

    def ns(self, time: int) -> int:
        """Nanoseconds of a time of the trace clock."""
        if self._tsc is not None:
            multiplier, shift, offset = self._tsc
            time = (time * multiplier >> (shift & 63)) + offset
        return time + self._shift

    def records(self, page: RingPage, place: int, cpu: int) -> Iterator[bytes]:
        """One record an event, but for the last one: its chain may begin the next page.

        An interrupt may come between an event and its chain: then both events are held.
        ``place`` tells buffers apart.  Raises ValueError for a damaged page.
        """
        held = self._held.setdefault(place, [])
        for time, raw in page.entries():
            if len(raw) < _HEAD.size:
                raise ValueError("entry without its head")
            number, flags, _, pid = _HEAD.unpack_from(raw)
            if number == self._user_stack_type:
                continue
            is_stack, level = number == self._stack_type, _level(flags)
            time_ns = self.ns(time)
            if not 0 <= time_ns < _FOREVER:
                raise ValueError(f"time {time_ns}")
            while held and held[-1].level >= level + is_stack:
                yield self._record(held.pop(), b"")
            if not is_stack:
                held.append(_Event(time_ns, pid, level, cpu, raw))
            elif held and (held[-1].level, held[-1].pid) == (level, pid):
                yield self._record(held.pop(), self._frames(raw))

    def rest(self) -> Iterator[bytes]:
        """The last events of all buffers, whose chains did not come."""
        for held in self._held.values():
            for event in held:
                yield self._record(event, b"")

    def oldest_held(self) -> int:
        """Time of the oldest event that :meth:`records` still holds, in ns."""
        return min((held[0].time_ns for held in self._held.values() if held), default=_FOREVER)

    def _record(self, event: _Event, frames: bytes) -> bytes:
        size = _RECORD.size + len(frames) + 4 + len(event.raw)
        if size > _LARGEST_RECORD:
            raise ValueError(f"entry of {len(event.raw)} bytes")
        pid, nr_frames = event.pid & 0xFFFFFFFF, len(frames) // 8
        head = _RECORD.pack(_SAMPLE, 0, size, pid, event.cpu, event.time_ns, nr_frames)
        return head + frames + len(event.raw).to_bytes(4, "little") + event.raw

    def _frames(self, raw: bytes) -> bytes:
        """The addresses of a ``kernel_stack`` record, without what fills it up."""
        words = (len(raw) - self._stack_at) // 8
        if self._is_counted:
            words = min(words, int.from_bytes(raw[8:12], "little"))
        addresses = raw[self._stack_at : self._stack_at + 8 * min(words, _FRAMES_MAX)]
        kept = [word for (word,) in struct.iter_unpack("<Q", addresses) if 0 < word < 2**64 - 1]
        return struct.pack(f"<{len(kept)}Q", *kept)


def _level(flags: int) -> int:
    """How deep in interrupts: the three bits of ``common_flags``."""
    if flags & _NMI:
        return 3
    return 2 if flags & _HARDIRQ else 1 if flags & _SOFTIRQ else 0


def _symbols(kallsyms: bytes) -> SymbolTable | None:
    """None when the recording kernel hid its addresses."""
    table = SymbolTable(kallsyms)
    return table if table.address_of("_text") or table.address_of("_stext") else None


def _told(header: TraceDatHeader) -> str:
    packed = f", {header.compression}" if header.compression else ""
    return (
        f"trace.dat version {header.version}{packed}, of kernel {header.release or 'unknown'}, "
        f"clock {header.clock}"
    )

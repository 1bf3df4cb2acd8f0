"""Reads trace-cmd's ``trace.dat`` itself: no trace-cmd needed.

The pages of all cpus are read in order of their first times (:mod:`trace_dat_pages`); their
entries are taken apart by :mod:`ring_buffer`, and decoded by the scanner that decodes the same
records where perf wrote them (:mod:`perf_samples`).
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.kernel.profile import DEFAULT_PROFILE, era_of_release
from buddysim.source.caller_names import CallerNames
from buddysim.source.event import BATCH_EVENTS, CallerBy, EventBatch, Tables, TraceMeta
from buddysim.source.kallsyms import symbols_of
from buddysim.source.perf_decoder import PerfDecoder
from buddysim.source.perf_order import RowOrder
from buddysim.source.perf_samples import SampleScanner
from buddysim.source.ring_buffer import RingBuffer
from buddysim.source.ring_layout import ABSENT, EntryLayout, PageLayout, TraceClock
from buddysim.source.rows_ahead import AheadReader
from buddysim.source.trace_dat_header import TraceDatHeader, read_trace_dat_header
from buddysim.source.trace_dat_pages import CpuReader, blocks_of, read_by_time

__all__ = ["TraceDatTrace"]

_FRAMES_AT = 16
_FARTHEST_FRAMES = 1 << 12
_UNKNOWN = "<...>"
_CLOCKS_OF_CYCLES = ("x86-tsc", "tsc2nsec")


class TraceDatTrace(AheadReader):
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
        self._names = CallerNames(self.tables, caller_by)
        self._decoder = PerfDecoder(
            self.meta, self._names, header.formats, era or DEFAULT_PROFILE, own_depth=0
        )
        self._clock = _clock(header)
        kallsyms = header.kallsyms
        if kallsyms and not kallsyms.isspace():
            self._decoder.load_symbols = lambda: symbols_of(kallsyms)

    def read(self) -> Iterator[EventBatch]:
        """Rows in order of time.  Raises TraceError when the file holds no event."""
        scanner = SampleScanner(self._decoder, cpus_break_ties=True)
        order = RowOrder(scanner, self._names, _UNKNOWN, self.shelf)
        order.named(-1, 0, "<idle>")
        for pid, comm in self._header.comms.items():
            order.named(-1, pid, comm)
        readers = self._readers(scanner)
        enough = BATCH_EVENTS
        for time in read_by_time(readers):
            if scanner.count >= enough:
                held = min(reader.buffer.oldest_held() for reader in readers)
                yield from order.flush(min(self._clock.ns(time), held) - 1)
                enough = max(BATCH_EVENTS, 2 * scanner.count)
        yield from order.flush()
        self._count(readers, scanner.skipped)
        if not order.first:
            raise TraceError("trace.dat without any event", path=self.meta.path)

    def _readers(self, scanner: SampleScanner) -> list[CpuReader]:
        header = self._header
        pages = PageLayout(header.page_bytes, header.commit_bytes, header.data_offset)
        entries = _entries(header)
        return [
            CpuReader(
                RingBuffer(scanner, where.cpu, pages, entries, self._clock),
                blocks_of(self._data, where, header, self.meta.path),
            )
            for where in header.cpus
        ]

    def _count(self, readers: list[CpuReader], skipped: int) -> None:
        """What was lost or left out."""
        meta = self.meta
        meta.truncated = any(reader.is_cut for reader in readers)
        meta.skipped_lines = skipped + sum(reader.buffer.damaged for reader in readers)
        lost = sum(reader.buffer.lost for reader in readers)
        meta.lost_events = max(self._header.lost_events, lost)


def _clock(header: TraceDatHeader) -> TraceClock:
    if header.tsc is None or header.clock not in _CLOCKS_OF_CYCLES:
        return TraceClock(offset=header.shift_ns)
    multiplier, shift, offset = header.tsc
    return TraceClock(multiplier, shift & 63, offset + header.shift_ns)


def _entries(header: TraceDatHeader) -> EntryLayout:
    by_name = {form.name: form for form in header.formats.values()}
    stack, user_stack = by_name.get("kernel_stack"), by_name.get("user_stack")
    fields = stack.fields if stack is not None else {}
    frames_at = fields["caller"].offset if "caller" in fields else _FRAMES_AT
    return EntryLayout(
        min(stack.id, ABSENT) if stack is not None else ABSENT,
        min(frames_at, _FARTHEST_FRAMES),
        int("size" in fields),
        min(user_stack.id, ABSENT) if user_stack is not None else ABSENT,
    )


def _told(header: TraceDatHeader) -> str:
    packed = f", {header.compression}" if header.compression else ""
    return (
        f"trace.dat version {header.version}{packed}, of kernel {header.release or 'unknown'}, "
        f"clock {header.clock}"
    )

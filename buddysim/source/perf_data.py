"""Reads perf.data itself: no perf needed."""

from __future__ import annotations

import os
import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from buddysim.errors import TraceError
from buddysim.kernel.profile import DEFAULT_PROFILE, era_of_release
from buddysim.source.bytescan import Block
from buddysim.source.caller_names import CallerNames
from buddysim.source.event import CallerBy, EventBatch, Tables, TraceMeta
from buddysim.source.file_window import file_window
from buddysim.source.kallsyms import SymbolTable, kept_symbols, running_symbols
from buddysim.source.perf_decoder import PerfDecoder
from buddysim.source.perf_header import PerfHeader, read_perf_header
from buddysim.source.perf_order import RowOrder
from buddysim.source.perf_samples import SampleLayout, SampleScanner
from buddysim.source.rows_ahead import AheadReader

__all__ = ["PerfDataTrace", "sample_layout"]

_BLOCK_BYTES = 1 << 23
"""Stays in the cache, and is longer than any record: those have less than 64 KiB."""
_RECORD = struct.Struct("<IHH")
_MMAP, _LOST, _COMM, _FORK, _SAMPLE, _LOST_SAMPLES = 1, 2, 3, 7, 9, 13
_AUXTRACE, _COMPRESSED, _COMPRESSED2 = 71, 81, 83
_TRACEPOINT = 2
_IP, _TID, _TIME, _ADDR, _READ = 1, 2, 4, 8, 16
_CHAIN, _ID, _CPU, _PERIOD, _STREAM, _RAW = (1 << bit for bit in range(5, 11))
_IDENTIFIER = 1 << 16
_MAP = struct.Struct("<IIQQQ")
_FORKED = struct.Struct("<IIIIQ")
_NEEDED = {_TID: "TID", _TIME: "TIME", _CPU: "CPU", _RAW: "RAW"}


def sample_layout(sample_type: int, read_format: int) -> SampleLayout:
    """Offsets of the fixed fields of a sample record.  Raises ValueError for a missing one."""
    missing = [name for bit, name in _NEEDED.items() if not sample_type & bit]
    if missing:
        raise ValueError(f"samples without {', '.join(missing)}")
    at = 8
    places = {}
    for bit in (_IDENTIFIER, _IP, _TID, _TIME, _ADDR, _ID, _STREAM, _CPU, _PERIOD):
        places[bit] = at
        at += 8 if sample_type & bit else 0
    return SampleLayout(
        tid_at=places[_TID] + 4,
        time_at=places[_TIME],
        cpu_at=places[_CPU],
        fixed_end=at,
        read_format=read_format if sample_type & _READ else -1,
        has_chain=int(bool(sample_type & _CHAIN)),
    )


class PerfDataTrace(AheadReader):
    """A :class:`Trace` over a perf.data file.  ``batches`` may be consumed once."""

    def __init__(self, path: str, *, profile: str = "", caller_by: CallerBy = "function") -> None:
        """Raises TraceError for a file without readable tracepoint samples."""
        try:
            with Path(path).open("rb") as file:
                self._header = read_perf_header(file, path)
        except OSError as error:
            raise TraceError(f"cannot be read: {error.strerror}", path=path) from error
        era = profile or era_of_release(self._header.release)
        self.meta = TraceMeta(path, "perf-data", layout=_told(self._header), profile=era)
        self.tables = Tables()
        self._names = CallerNames(self.tables, caller_by)
        formats = self._header.tracing.formats
        self._decoder = PerfDecoder(self.meta, self._names, formats, era or DEFAULT_PROFILE)
        self._sample_layout = self._layout(path)
        self._id_bytes, self._time_back = self._sample_id()
        kallsyms = self._header.tracing.kallsyms
        if kallsyms.strip():
            self._decoder.load_symbols = lambda: SymbolTable(kallsyms)

    def _begin(self) -> None:
        """Nothing of the records is read; names keep their numbers."""
        self._scanner = SampleScanner(self._decoder, self._sample_layout)
        self._order = RowOrder(self._scanner, self._names, shelf=self.shelf)
        self._inner = b""
        self._inflate: Any = None
        self.meta.lost_events = 0

    def _layout(self, path: str) -> SampleLayout:
        attrs = [attr for attr in self._header.attrs if attr.type == _TRACEPOINT]
        shapes = {(attr.sample_type, attr.read_format) for attr in attrs}
        if not self._header.tracing.formats or not shapes:
            raise TraceError(
                "perf.data without tracepoint events",
                path=path,
                hint="record with: perf record -e kmem:mm_page_alloc,kmem:mm_page_free -a",
            )
        try:
            (only,) = shapes
            return sample_layout(*only)
        except ValueError as error:
            raise TraceError(
                f"perf.data with samples of {len(shapes)} layouts or incomplete ones: {error}",
                path=path,
                hint=f"convert it: perf script -i {path} > trace.txt",
            ) from error

    def _sample_id(self) -> tuple[int, int]:
        """Bytes that end every other record, and how far before the end its time stands."""
        attr = self._header.attrs[0]
        if not attr.sample_id_all:
            return 0, 0
        bits = (_TID, _TIME, _ID, _STREAM, _CPU, _IDENTIFIER)
        size = sum(8 for bit in bits if attr.sample_type & bit)
        return size, size - (8 if attr.sample_type & _TID else 0)

    def read(self) -> Iterator[EventBatch]:
        """Rows in order of time.  Raises TraceError when the file holds no event."""
        self._begin()
        with Path(self.meta.path).open("rb") as file:
            yield from self._records(file)
        yield from self._order.flush()
        self.meta.skipped_lines = self._scanner.skipped
        if not self._order.first:
            raise TraceError("perf.data without any sample", path=self.meta.path)

    def _records(self, file: BinaryIO) -> Iterator[EventBatch]:
        """Each block begins with the record of which the one before had only a part."""
        at = self._header.data_offset
        end = at + self._header.data_size
        while at < end:
            block, start = file_window(file, at, min(_BLOCK_BYTES, end - at))
            stop = yield from self._feed(block, start)
            if stop == start:
                break
            at += stop - start
        self.meta.truncated |= at < end or bool(self._inner)

    def _feed(self, data: Block, pos: int = 0) -> Generator[EventBatch, None, int]:
        """Work through whole records from ``pos``; return where the last one ends."""
        scanner = self._scanner
        while True:
            pos = scanner.scan(data, pos)
            if scanner.count >= scanner.enough:
                yield from self._order.settled()
            if scanner.count == scanner.capacity:
                scanner.grow()
            if pos + _RECORD.size > len(data):
                break
            kind, _, size = _RECORD.unpack_from(data, pos)
            if size < _RECORD.size or (kind == _SAMPLE and size < scanner.fixed_end):
                raise TraceError(f"record of {size} bytes: damaged", path=self.meta.path)
            if pos + size > len(data):
                break
            if kind == _SAMPLE:
                continue
            if kind in (_COMPRESSED, _COMPRESSED2):
                inside = self._inner + self._decompress(data[pos : pos + size], kind)
                used = yield from self._feed(inside)
                self._inner = inside[used:]
            else:
                self._record(kind, data[pos : pos + size])
            pos += size
        return pos

    def _record(self, kind: int, record: bytes) -> None:
        """A record that is no sample."""
        try:
            if kind == _COMM:
                _, tid = struct.unpack_from("<II", record, 8)
                comm = record[16:].partition(b"\0")[0].decode("utf-8", "backslashreplace")
                self._order.named(self._time(record), tid, comm)
            elif kind == _FORK:
                _, _, tid, parent, time_ns = _FORKED.unpack_from(record, 8)
                self._order.forked(time_ns, tid, parent)
            elif kind == _LOST:
                self.meta.lost_events += struct.unpack_from("<QQ", record, 8)[1]
            elif kind == _LOST_SAMPLES:
                self.meta.lost_events += struct.unpack_from("<Q", record, 8)[0]
            elif kind == _MMAP:
                self._kernel_map(record)
            elif kind == _AUXTRACE:
                raise TraceError("perf.data with hardware traces", path=self.meta.path)
        except struct.error as error:
            raise TraceError(
                f"record of type {kind} damaged: {error}", path=self.meta.path
            ) from error

    def _time(self, record: bytes) -> int:
        if not self._time_back or len(record) < 8 + self._id_bytes:
            return 0
        time_ns: int = struct.unpack_from("<q", record, len(record) - self._time_back)[0]
        return time_ns

    def _kernel_map(self, record: bytes) -> None:
        """Take the running kernel's symbols if it is the boot that was recorded."""
        _, _, _, _, text = _MAP.unpack_from(record, 8)
        name = record[8 + _MAP.size :].partition(b"\0")[0]
        if not name.startswith(b"[kernel.kallsyms]") or self._header.tracing.kallsyms.strip():
            return
        symbol = name.removeprefix(b"[kernel.kallsyms]").decode("ascii", "replace") or "_text"

        def load() -> SymbolTable | None:
            if self._header.release != os.uname().release:
                return None
            table = kept_symbols(self._header.build_id)
            if table is None or table.address_of(symbol) != text:
                table = running_symbols()
            return table if table is not None and table.address_of(symbol) == text else None

        self._decoder.load_symbols = load

    def _decompress(self, record: bytes, kind: int) -> bytes:
        """The records inside a compressed one.  All of a file are one zstd stream."""
        import zstandard

        if self._inflate is None:
            self._inflate = zstandard.ZstdDecompressor().decompressobj()
        start, size = _RECORD.size, len(record)
        if kind == _COMPRESSED2:
            start, size = start + 8, start + 8 + struct.unpack_from("<Q", record, 8)[0]
        try:
            inside: bytes = self._inflate.decompress(record[start:size])
        except zstandard.ZstdError as error:
            raise TraceError(f"compressed record damaged: {error}", path=self.meta.path) from error
        return inside


def _told(header: PerfHeader) -> str:
    names = ", ".join(sorted(form.name for form in header.tracing.formats.values()))
    return f"perf.data of kernel {header.release or 'unknown'} with {names}"

"""Reads packed traces (``.bst``) from a memory map."""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buddysim.errors import TraceError
from buddysim.source.caller_names import CallerNames
from buddysim.source.columns import gather, typed, undelta, widen
from buddysim.source.event import CallerBy, EventBatch, Tables, TraceMeta
from buddysim.source.pack import DELTA_ESCAPE
from buddysim.source.pack_layout import (
    CHUNK_HEADER_BYTES,
    CONST,
    DELTA,
    ENTRY_BYTES,
    FILE_HEADER_BYTES,
    GATHER,
    INDEX,
    MAGIC,
    PLAIN,
    VERSION,
    ChunkHeader,
    Entry,
    padded,
    parse_chunk_header,
    parse_entry,
)

if TYPE_CHECKING:
    import numpy

__all__ = ["PackedTrace", "numpy_columns", "read_script", "read_snapshots"]

_INCONSISTENT = (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error)
_WIDTHS = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "q": 8}


class _Chunks:
    """The chunks of a mapped file in order, each checked against its checksum."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with Path(path).open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise TraceError(f"cannot be mapped: {error}", path=path) from error
        self.data = memoryview(self._map)
        magic, version = struct.unpack("<8sH", self.data[:10].tobytes().ljust(10, b"\0"))
        if magic != MAGIC:
            raise TraceError("is not a packed trace", path=path)
        if version > VERSION:
            raise TraceError(
                f"packed trace of version {version}", path=path, expected=f"at most {VERSION}"
            )

    def __iter__(self) -> Iterator[tuple[ChunkHeader, memoryview]]:
        """Raises TraceError at the first damaged or missing byte."""
        pos = FILE_HEADER_BYTES
        while pos < len(self.data):
            header = parse_chunk_header(bytes(self.data[pos : pos + CHUNK_HEADER_BYTES]))
            if header is None:
                raise self.damage(pos, "chunk header")
            start = pos + CHUNK_HEADER_BYTES
            payload = self.data[start : start + header.payload_bytes]
            if len(payload) < header.payload_bytes:
                raise self.damage(len(self.data), f"{header.tag.decode()} chunk, cut")
            if zlib.crc32(payload) != header.crc:
                raise self.damage(start, f"{header.tag.decode()} chunk, checksum differs")
            yield header, payload
            if header.tag == b"DONE":
                return
            pos = start + padded(header.payload_bytes)
        raise self.damage(len(self.data), "end of file, no final chunk")

    def rows(self) -> int:
        """Rows by the headers alone, as far as they can be followed.  O(chunks)."""
        pos, rows = FILE_HEADER_BYTES, 0
        while header := parse_chunk_header(bytes(self.data[pos : pos + CHUNK_HEADER_BYTES])):
            rows += header.rows
            pos += CHUNK_HEADER_BYTES + padded(header.payload_bytes)
        return rows

    def damage(self, pos: int, what: str) -> TraceError:
        return TraceError(
            f"cut or damaged at byte {pos} ({what})",
            path=self.path,
            hint="what stands before is usable: buddysim convert --salvage",
        )


class PackedTrace:
    """A :class:`Trace` over a packed file.  ``batches`` may be consumed once."""

    def __init__(
        self,
        path: str,
        *,
        profile: str = "",
        caller_by: CallerBy = "function",
        salvage: bool = False,
    ) -> None:
        """``profile`` replaces the one stored; ``caller_by`` other than function renames callers.

        ``salvage``: stop at damage as if the trace ended there, with ``meta.truncated`` set.
        """
        self._chunks = _Chunks(path)
        self._salvage = salvage
        self._profile = profile
        self.tables = Tables(callers=[], tasks=[], stacks=[], names=[])
        self._rename = _Renamer(self.tables, caller_by) if caller_by != "function" else None
        first, payload = next(iter(self._chunks))
        if first.tag != b"META":
            raise self._chunks.damage(FILE_HEADER_BYTES, "no META chunk first")
        self.meta = self._meta(_json(payload))
        self.origin = _json(payload)["format"]
        """Format of the file that was packed."""

    def _meta(self, told: dict[str, Any]) -> TraceMeta:
        told = dict(told, path=self._chunks.path, format="packed")
        if self._profile:
            told["profile"] = self._profile
        told["kind_names"] = {int(kind): name for kind, name in told["kind_names"].items()}
        return TraceMeta(**told)

    def expected_rows(self) -> int:
        """How many rows a whole file has, before they are read or verified; 0 when salvaging."""
        return 0 if self._salvage else self._chunks.rows()

    def batches(self) -> Iterator[EventBatch]:
        """Rows in order.  Raises TraceError at damage, unless salvaging."""
        first = 0
        try:
            for header, payload in self._chunks:
                if header.tag == b"TABL":
                    self._grow(json.loads(zlib.decompress(payload)))
                elif header.tag == b"ROWS":
                    batch = _LazyBatch(first, header.rows, payload, self._chunks.path)
                    if self._rename is not None:
                        self._rename.callers(batch)
                    yield batch
                    first += header.rows
                elif header.tag == b"DONE":
                    self._finish(_json(payload), first)
        except TraceError:
            if not self._salvage or not first:
                raise
            self.meta.truncated = True
        except (*_INCONSISTENT, zlib.error) as error:
            raise _inconsistent(error, self._chunks.path) from error

    def snapshots(self) -> dict[str, bytes]:
        """Files of /proc kept with the trace, by name: as far as the file is whole."""
        found = {}
        try:
            for header, payload in self._chunks:
                if header.tag == b"SNAP":
                    (size,) = struct.unpack_from("<H", payload)
                    found[bytes(payload[2 : 2 + size]).decode()] = bytes(payload[2 + size :])
        except TraceError:
            if not self._salvage:
                raise
        return found

    def _finish(self, told: dict[str, Any], rows: int) -> None:
        if told["rows"] != rows:
            raise TraceError(
                f"{rows} rows where {told['rows']} were written", path=self._chunks.path
            )
        final = self._meta(told["meta"])
        for name in ("lines", "skipped_lines", "lost_events", "truncated", "kind_names"):
            setattr(self.meta, name, getattr(final, name))

    def _grow(self, told: dict[str, list[Any]]) -> None:
        if self._rename is None:
            self.tables.callers.extend(told.get("callers", ()))
        self.tables.tasks.extend(told.get("tasks", ()))
        self.tables.stacks.extend(tuple(frames) for frames in told.get("stacks", ()))
        self.tables.names.extend(told.get("names", ()))


class _Renamer:
    """Callers by command or whole chain, worked out again from tasks and stacks."""

    def __init__(self, tables: Tables, caller_by: CallerBy) -> None:
        tables.callers.append("?")
        self._tables = tables
        self._names = CallerNames(tables, caller_by)
        self._of: dict[tuple[int, int], int] = {}

    def callers(self, batch: EventBatch) -> None:
        """Replace the caller column."""
        pairs = zip(batch.task, batch.stack, strict=True)
        batch.caller = array("I", [self._of.get(pair) or self._new(pair) for pair in pairs])

    def _new(self, pair: tuple[int, int]) -> int:
        task, stack = pair
        comm = self._tables.tasks[task].rpartition("-")[0] or "?"
        caller = self._names.of_frames(self._tables.stacks[stack]) or self._names.caller(comm)
        self._of[pair] = caller
        return caller


def _json(payload: memoryview) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(bytes(payload))
    return document


def _entries(payload: memoryview) -> list[Entry]:
    (count,) = struct.unpack_from("<I", payload)
    return [
        parse_entry(bytes(payload[start : start + ENTRY_BYTES]))
        for start in range(8, 8 + ENTRY_BYTES * count, ENTRY_BYTES)
    ]


def _view(payload: memoryview, offset: int, typecode: str, count: int) -> memoryview:
    """``count`` values in place.  Raises ValueError when the payload is too short."""
    size = count * _WIDTHS[typecode]
    if offset % 8 or offset + size > len(payload):
        raise ValueError(f"column at {offset} of {size} bytes")
    column: memoryview[int] = payload[offset : offset + size].cast(typecode)  # type: ignore[call-overload]  # a key of _WIDTHS
    return column


class _LazyBatch(EventBatch):
    """One ROWS chunk as a batch whose columns are widened when they are first asked for.

    A replay looks at half of them.  Raises TraceError then, where a column contradicts itself.
    """

    __slots__ = ("_entries", "_groups", "_path", "_payload", "_rows")

    def __init__(self, first: int, rows: int, payload: memoryview, path: str) -> None:
        self.first = first
        self._rows = rows
        self._payload = payload
        self._path = path
        entries = _entries(payload)
        self._entries = {entry.name: entry for entry in entries if entry.encoding != INDEX}
        self._groups = {
            entry.group: _view(payload, entry.offset, entry.typecode, rows)
            for entry in entries
            if entry.encoding == INDEX
        }

    def __len__(self) -> int:
        return self._rows

    def __getattr__(self, name: str) -> array[int]:
        if name not in EventBatch.typecodes:
            raise AttributeError(name)
        try:
            empty = array(EventBatch.typecodes[name])
            entry = self._entries[name]
            column = _column(entry, self._rows, self._payload, self._groups, empty)
        except _INCONSISTENT as error:
            raise _inconsistent(error, self._path) from error
        setattr(self, name, column)
        return column


def _inconsistent(error: Exception, path: str) -> TraceError:
    """The checksums hold, so the writer is to blame; still no traceback for the user."""
    return TraceError(f"inconsistent chunk: {error}", path=path)


def _column(
    entry: Entry,
    rows: int,
    payload: memoryview,
    index: dict[int, memoryview],
    empty: array[int],
) -> array[int]:
    """The rows of one column in the width that batches have."""
    if entry.encoding == CONST:
        return array(empty.typecode, [entry.base]) * rows
    if entry.encoding == PLAIN:
        return _plain(_view(payload, entry.offset, entry.typecode, rows), empty)
    out = array(empty.typecode, bytes(rows * empty.itemsize))
    if entry.encoding == GATHER:
        palette = _view(payload, entry.offset, "q", entry.extra)
        numbers = index[entry.group]
        good = typed(gather, numbers.format, out.typecode)(palette, numbers, out)
    elif entry.encoding == DELTA:
        stored = _view(payload, entry.offset, entry.typecode, rows)
        odd = _view(payload, entry.offset + padded(stored.nbytes), "q", entry.extra)
        escape = DELTA_ESCAPE[entry.typecode]
        add_up = typed(undelta, entry.typecode, out.typecode)
        good = add_up(entry.base, entry.scale, escape, stored, odd, out)
    else:
        raise ValueError(f"encoding {entry.encoding}")
    if not good:
        raise ValueError(f"column {entry.name} out of range")
    return out


def _plain(values: memoryview, empty: array[int]) -> array[int]:
    """Values as they stand, in a wider type where batches have one."""
    if values.format == empty.typecode:
        empty.frombytes(values.cast("B"))
    elif empty.typecode == "q":
        empty.frombytes(bytes(8 * len(values)))
        typed(widen, values.format)(values, empty)
    else:
        empty.extend(values)
    return empty


def numpy_columns(path: str) -> Iterator[dict[str, numpy.ndarray[Any, Any]]]:
    """The chunks of a packed trace as NumPy columns; needs numpy.

    Columns stored plainly (pfn, stack) are views of the mapped file, copied nowhere; the others
    are widened.  Raises TraceError.
    """
    import numpy

    for header, payload in _Chunks(path):
        if header.tag != b"ROWS":
            continue
        batch = _LazyBatch(0, header.rows, payload, path)
        columns = {
            name: numpy.frombuffer(getattr(batch, name), dtype=code)
            for name, code in EventBatch.typecodes.items()
        }
        for entry in _entries(payload):
            if entry.encoding == PLAIN:
                columns[entry.name] = numpy.frombuffer(
                    payload, dtype=entry.typecode, count=header.rows, offset=entry.offset
                )
        yield columns


def read_snapshots(path: str) -> dict[str, bytes]:
    """Files of /proc kept in a packed trace, by name.  Raises TraceError."""
    return PackedTrace(path).snapshots()


def read_script(path: str) -> bytes | None:
    """The script kept in a packed trace, or None.  Raises TraceError."""
    for header, payload in _Chunks(path):
        if header.tag == b"SCRP":
            return bytes(payload)
        if header.tag == b"ROWS":
            return None
    return None

"""Writes packed traces (``.bst``): one pass, one chunk a batch, renamed into place when whole."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zlib
from array import array
from dataclasses import asdict
from itertools import pairwise
from math import gcd
from pathlib import Path
from types import TracebackType
from typing import Any

from buddysim.source.event import EventBatch, Tables, TraceMeta
from buddysim.source.pack_layout import (
    CONST,
    DELTA,
    ENTRY_BYTES,
    GATHER,
    GROUPS,
    INDEX,
    PLAIN,
    Entry,
    format_chunk_header,
    format_entry,
    format_file_header,
    padded,
)

__all__ = ["DELTA_ESCAPE", "PackedWriter"]

DELTA_ESCAPE = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}
"""By typecode: the stored difference that stands for the next exception."""

_RANGES = (
    ("B", 0, 0xFF),
    ("b", -0x80, 0x7F),
    ("H", 0, 0xFFFF),
    ("h", -0x8000, 0x7FFF),
    ("i", -0x80000000, 0x7FFFFFFF),
    ("I", 0, 0xFFFFFFFF),
)
_WIDEST_STEP = 1 << 62
_DELTA_COLUMNS = ("time_ns", "line")
_PLAIN_COLUMNS = ("pfn", "stack", "handle")
_TABLES = ("callers", "tasks", "stacks", "names")


class PackedWriter:
    """Writes one packed trace; use as a context manager.

    Leaving the ``with`` block without error after :meth:`finish` puts the file in place; anything
    else leaves no file behind.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._file.write(format_file_header())
        self._written = dict.fromkeys(_TABLES, 0)
        self._rows = 0
        self._finished = False

    def __enter__(self) -> PackedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._finished and error is None:
            self._temporary.chmod(0o666 & ~_umask())
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink(missing_ok=True)

    def begin(self, meta: TraceMeta) -> None:
        """Say where the rows come from; call first."""
        self._json(b"META", asdict(meta))

    def snapshot(self, name: str, content: bytes) -> None:
        """Keep a file of /proc with the trace, e.g. ``before/zoneinfo``."""
        encoded = name.encode()
        self._chunk(b"SNAP", struct.pack("<H", len(encoded)) + encoded + content)

    def script(self, text: bytes) -> None:
        """Keep a hand-written script instead of rows."""
        self._chunk(b"SCRP", text)

    def rows(self, batch: EventBatch, tables: Tables) -> None:
        """Append a batch.  ``tables`` may have grown since the last one, never shrunk."""
        if len(batch):
            self._table_growth(tables)
            self._chunk(b"ROWS", _rows_payload(batch), len(batch))
            self._rows += len(batch)

    def finish(self, meta: TraceMeta, tables: Tables) -> None:
        """Write the final counters; the trace is whole only with them."""
        self._table_growth(tables)
        self._json(b"DONE", {"rows": self._rows, "meta": asdict(meta)})
        self._finished = True

    def _table_growth(self, tables: Tables) -> None:
        grown = {name: getattr(tables, name)[self._written[name] :] for name in _TABLES}
        if any(grown.values()):
            document = {name: values for name, values in grown.items() if values}
            text = json.dumps(document, separators=(",", ":")).encode()
            self._chunk(b"TABL", zlib.compress(text))
            for name, values in grown.items():
                self._written[name] += len(values)

    def _json(self, tag: bytes, document: dict[str, Any]) -> None:
        self._chunk(tag, json.dumps(document, separators=(",", ":")).encode())

    def _chunk(self, tag: bytes, payload: bytes, rows: int = 0) -> None:
        self._file.write(format_chunk_header(tag, rows, payload))
        self._file.write(payload)
        self._file.write(bytes(padded(len(payload)) - len(payload)))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _rows_payload(batch: EventBatch) -> bytes:
    """Directory and data of one ROWS chunk."""
    columns: list[tuple[Entry, bytes]] = []
    for group, names in enumerate(GROUPS):
        columns += _grouped(batch, group, names)
    columns += [_delta(name, getattr(batch, name)) for name in _DELTA_COLUMNS]
    columns += [_plain(name, getattr(batch, name)) for name in _PLAIN_COLUMNS]
    offset = 8 + ENTRY_BYTES * len(columns)
    directory = [struct.pack("<II", len(columns), 0)]
    data = []
    for entry, content in columns:
        directory.append(format_entry(entry._replace(offset=offset)))
        data.append(content + bytes(padded(len(content)) - len(content)))
        offset += padded(len(content))
    return b"".join(directory + data)


def _grouped(batch: EventBatch, group: int, names: tuple[str, ...]) -> list[tuple[Entry, bytes]]:
    numbers: dict[tuple[int, ...], int] = {}
    rows = zip(*(getattr(batch, name) for name in names), strict=True)
    index = array("I", [numbers.setdefault(row, len(numbers)) for row in rows])
    narrow = array(_index_typecode(len(numbers)), index)
    found = [(Entry("index", INDEX, narrow.typecode, group, 0, 0, 0, 0), narrow.tobytes())]
    for place, name in enumerate(names):
        palette = array("q", [row[place] for row in numbers])
        entry = Entry(name, GATHER, "q", group, len(palette), 0, 0, 0)
        found.append((entry, palette.tobytes()))
    return found


def _index_typecode(distinct: int) -> str:
    return "B" if distinct <= 1 << 8 else "H" if distinct <= 1 << 16 else "I"


def _plain(name: str, values: array[int]) -> tuple[Entry, bytes]:
    low, high = min(values), max(values)
    if low == high:
        return Entry(name, CONST, "q", 0, 0, low, 0, 0), b""
    for typecode, least, most in _RANGES:
        if least <= low and high <= most:
            return Entry(name, PLAIN, typecode, 0, 0, 0, 0, 0), array(typecode, values).tobytes()
    return Entry(name, PLAIN, "q", 0, 0, 0, 0, 0), array("q", values).tobytes()


def _delta(name: str, values: array[int]) -> tuple[Entry, bytes]:
    steps = [after - before for before, after in pairwise(values)]
    if any(abs(step) >= _WIDEST_STEP for step in steps):
        return _plain(name, values)
    scale = gcd(*steps) or 1
    best: tuple[int, str, int] | None = None
    for typecode, escape in DELTA_ESCAPE.items():
        wide = sum(not 0 <= step < escape * scale for step in steps)
        size = len(values) * array(typecode).itemsize + 8 * wide
        if best is None or size < best[0]:
            best = (size, typecode, escape)
    assert best is not None, "there is at least one typecode"
    _, typecode, escape = best
    limit = escape * scale
    stored = array(typecode, [0])
    stored.extend([step // scale if 0 <= step < limit else escape for step in steps])
    odd = array("q", [step for step in steps if not 0 <= step < limit])
    content = stored.tobytes()
    content += bytes(padded(len(content)) - len(content)) + odd.tobytes()
    return Entry(name, DELTA, typecode, 0, len(odd), values[0], scale, 0), content

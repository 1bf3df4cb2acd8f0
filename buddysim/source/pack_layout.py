"""The packed trace file, ``.bst``: what the bytes mean.

A 16-byte file header, then chunks.  Every chunk has a 32-byte header with the checksums of header
and payload, so that damage is found where it is and everything before it stands.  Integers are
little-endian; payloads and columns start at multiples of eight.

    file    magic "BSTRACE\\0", u16 version, u16 0, u32 0
    chunk   4s tag, u32 rows, u64 payload bytes, u32 payload crc32, u32 0, u32 0, u32 header crc32

    META    JSON: where the trace came from
    TABL    zlib-compressed JSON: strings and stacks new since the last TABL, in table order
    ROWS    up to 65,536 rows: u32 number of columns, u32 0, that many entries, then column data
    SNAP    u16 name bytes, name, content: a file of /proc kept with the trace
    SCRP    the text of a hand-written script (then there are no ROWS)
    DONE    JSON: total rows and final counters; a file without it was cut

    entry   16s name, u8 encoding, u8 typecode, u16 group, u32 extra,
            i64 base, u64 scale, u64 offset

    PLAIN   rows values of the typecode: the column itself
    CONST   nothing: every row is ``base``
    DELTA   rows differences in units of ``scale`` from ``base`` on, then ``extra`` i64 exceptions
    INDEX   rows numbers into the palettes of ``group``
    GATHER  ``extra`` palette values; row r has palette[INDEX of group [r]]
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

__all__ = [
    "CHUNK_HEADER_BYTES",
    "CONST",
    "DELTA",
    "ENTRY_BYTES",
    "FILE_HEADER_BYTES",
    "GATHER",
    "GROUPS",
    "INDEX",
    "MAGIC",
    "PLAIN",
    "VERSION",
    "ChunkHeader",
    "Entry",
    "format_chunk_header",
    "format_entry",
    "format_file_header",
    "padded",
    "parse_chunk_header",
    "parse_entry",
]

MAGIC = b"BSTRACE\0"
VERSION = 1
PLAIN, CONST, DELTA, INDEX, GATHER = range(5)
GROUPS: tuple[tuple[str, ...], ...] = (
    ("kind", "order", "migratetype", "gfp", "aux"),
    ("cpu", "context", "caller", "task"),
)
"""Columns whose combinations are few, stored as one index into palettes: what, and who."""

_FILE = struct.Struct("<8sHHI")
_CHUNK = struct.Struct("<4sIQIII")
_CRC = struct.Struct("<I")
_ENTRY = struct.Struct("<16sBBHIqQQ")
FILE_HEADER_BYTES = _FILE.size
CHUNK_HEADER_BYTES = _CHUNK.size + _CRC.size
ENTRY_BYTES = _ENTRY.size


class ChunkHeader(NamedTuple):
    """One chunk, without its payload."""

    tag: bytes
    rows: int
    payload_bytes: int
    crc: int


class Entry(NamedTuple):
    """One column of a ROWS chunk."""

    name: str
    encoding: int
    typecode: str
    group: int
    extra: int
    base: int
    scale: int
    offset: int
    """Of the column's data, from the start of the payload."""


def padded(size: int) -> int:
    """The next multiple of eight."""
    return (size + 7) & -8


def format_file_header() -> bytes:
    """The first bytes of every packed file."""
    return _FILE.pack(MAGIC, VERSION, 0, 0)


def format_chunk_header(tag: bytes, rows: int, payload: bytes) -> bytes:
    """Header of a chunk with this payload."""
    fixed = _CHUNK.pack(tag, rows, len(payload), zlib.crc32(payload), 0, 0)
    return fixed + _CRC.pack(zlib.crc32(fixed))


def parse_chunk_header(data: bytes) -> ChunkHeader | None:
    """None when the header's own checksum does not hold."""
    fixed, told = data[: _CHUNK.size], data[_CHUNK.size :]
    if len(data) != CHUNK_HEADER_BYTES or _CRC.unpack(told)[0] != zlib.crc32(fixed):
        return None
    tag, rows, payload_bytes, crc, _, _ = _CHUNK.unpack(fixed)
    return ChunkHeader(tag, rows, payload_bytes, crc)


def format_entry(entry: Entry) -> bytes:
    """One line of the column directory."""
    return _ENTRY.pack(
        entry.name.encode(),
        entry.encoding,
        ord(entry.typecode),
        entry.group,
        entry.extra,
        entry.base,
        entry.scale,
        entry.offset,
    )


def parse_entry(data: bytes) -> Entry:
    """Inverse of :func:`format_entry`."""
    name, encoding, typecode, group, extra, base, scale, offset = _ENTRY.unpack(data)
    plain = name.rstrip(b"\0").decode("ascii", "replace")
    return Entry(plain, encoding, chr(typecode), group, extra, base, scale, offset)

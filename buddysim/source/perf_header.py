"""The head of a perf.data file: event attributes, features, where the records are.

Layout as perf writes it (its ``Documentation/perf.data-file-format.txt``); little-endian only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from buddysim.errors import TraceError
from buddysim.source.perf_format import TracingData, parse_tracing_data

__all__ = ["PerfAttr", "PerfHeader", "read_perf_header"]

_FILE = struct.Struct("<8sQQ6Q4Q")
_ATTR = struct.Struct("<IIQQQQQ")
_SECTION = struct.Struct("<QQ")
_PIPE_HEADER_BYTES = 16
_TRACING_DATA, _BUILD_ID, _OSRELEASE = 1, 2, 4
_BUILD = struct.Struct("<IHHi20s4x")
_KERNEL = b"[kernel.kallsyms]"
_FEATURES = 256
_LARGEST_SECTION = 1 << 28
_SAMPLE_ID_ALL = 1 << 18


class PerfAttr(NamedTuple):
    """The parts of a perf_event_attr that say how records look."""

    type: int
    config: int
    """Tracepoint id for type 2."""
    sample_type: int
    read_format: int
    sample_id_all: bool


@dataclass
class PerfHeader:
    """What must be known before the records."""

    attrs: list[PerfAttr] = field(default_factory=list)
    data_offset: int = 0
    data_size: int = 0
    tracing: TracingData = field(default_factory=TracingData)
    release: str = ""
    """Of the recording kernel."""
    build_id: str = ""
    """Of the recording kernel, in hexadecimal digits."""


def read_perf_header(file: BinaryIO, path: str) -> PerfHeader:
    """Read attributes and features.  Raises TraceError, one line, for what cannot be used."""
    try:
        return _read(file, path)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise TraceError(f"perf.data header damaged: {error}", path=path) from error


def _read(file: BinaryIO, path: str) -> PerfHeader:
    values = _FILE.unpack(file.read(_FILE.size))
    magic, size, attr_size, attrs_at, attrs_size, data_at, data_size = values[:7]
    if magic != b"PERFILE2":
        raise TraceError(
            "perf.data of a big-endian machine or of an old perf",
            path=path,
            hint="convert it there: perf script > trace.txt",
        )
    if size == _PIPE_HEADER_BYTES:
        raise TraceError(
            "perf.data written to a pipe, without its header",
            path=path,
            hint=f"convert it: perf script -i {path} > trace.txt",
        )
    header = PerfHeader(data_offset=data_at, data_size=data_size)
    if not data_size:
        raise TraceError(
            "perf.data without any record: empty, or perf was killed before it finished",
            path=path,
        )
    if not attr_size or attrs_size > _LARGEST_SECTION:
        raise ValueError(f"attributes of {attr_size} bytes in {attrs_size}")
    for number in range(attrs_size // attr_size):
        file.seek(attrs_at + number * attr_size)
        kind, _, config, _, sample_type, read_format, flags = _ATTR.unpack(file.read(_ATTR.size))
        header.attrs.append(
            PerfAttr(kind, config, sample_type, read_format, bool(flags & _SAMPLE_ID_ALL))
        )
    bits = sum(word << 64 * place for place, word in enumerate(values[9:13]))
    _read_features(file, header, bits)
    return header


def _read_features(file: BinaryIO, header: PerfHeader, bits: int) -> None:
    """Sections of the set feature bits follow the records, in order of the bits."""
    at = header.data_offset + header.data_size
    for bit in (bit for bit in range(_FEATURES) if bits >> bit & 1):
        file.seek(at)
        offset, size = _SECTION.unpack(file.read(_SECTION.size))
        at += _SECTION.size
        if bit not in (_TRACING_DATA, _BUILD_ID, _OSRELEASE):
            continue
        if size > _LARGEST_SECTION:
            raise ValueError(f"feature {bit} of {size} bytes")
        file.seek(offset)
        content = file.read(size)
        if bit == _TRACING_DATA:
            header.tracing = parse_tracing_data(content)
        elif bit == _BUILD_ID:
            header.build_id = _kernel_build_id(content)
        else:
            header.release = content[4:].partition(b"\0")[0].decode("ascii", "replace")


def _kernel_build_id(section: bytes) -> str:
    """Of the records, each with a build id and a file's name, the kernel's; empty without one."""
    at = 0
    while at + _BUILD.size < len(section):
        _, _, size, _, build_id = _BUILD.unpack_from(section, at)
        name = section[at + _BUILD.size : at + size].partition(b"\0")[0]
        if name.startswith(_KERNEL):
            return str(build_id.hex())
        at += max(size, _BUILD.size)
    return ""

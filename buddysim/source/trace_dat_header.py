"""The head of trace-cmd's ``trace.dat``, versions 6 and 7: formats, names, where the pages are.

Version 6 is one sequence; in version 7 sections, some of them compressed, are found through
options.  Layout as trace-cmd documents it (``trace-cmd.dat.v6(5)``, ``trace-cmd.dat.v7(5)``);
little-endian only.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from mmap import mmap

from buddysim.errors import TraceError
from buddysim.source.perf_format import (
    Cursor,
    Format,
    parse_format,
    read_event_formats,
    read_ftrace_formats,
    read_header_info,
)
from buddysim.source.tracepoints import TRACEPOINTS

__all__ = ["CpuPages", "TraceDatHeader", "decompressor", "read_trace_dat_header"]

_MAGIC = b"\x17\x08Dtracing"
_VERSIONS = (b"6", b"7")
_FLYRECORD, _OPTIONS = b"flyrecord\0", b"options  \0"
_WORD_BYTES = 10
_COMPRESSED = 1
_LARGEST_PAGE = 1 << 20
_LARGEST_SECTION = 1 << 28
_COMMIT_BYTES = re.compile(rb"commit;\s*offset:8;\s*size:(\d+);")
_DATA_OFFSET = re.compile(rb"data;\s*offset:(\d+);")
_NAME_AND_ID = re.compile(rb"^name: (\w+)\s+ID: (\d+)", re.MULTILINE)
_COMM = re.compile(rb"^\s*(\d+) (.*)$", re.MULTILINE)
_LOST = re.compile(rb"^(?:overrun|dropped events): (\d+)", re.MULTILINE)
_RELEASE = re.compile(rb"^\S+ \S+ (\S+)")
_CLOCK = re.compile(rb"\[([\w-]+)\]")
_NEEDED = frozenset(TRACEPOINTS) | {"kernel_stack", "user_stack"}


class _Option:
    """Numbers of options, and in version 7 of sections."""

    DONE, DATE, CPUSTAT, BUFFER, CLOCK, UNAME = range(6)
    OFFSET, CPUCOUNT, TSC = 7, 8, 14
    HEADER, FTRACE_EVENTS, EVENTS, KALLSYMS, PRINTK, COMMS = range(16, 22)


@dataclass(frozen=True)
class CpuPages:
    """Where the ring buffer pages of one cpu lie in the file."""

    cpu: int
    offset: int
    size: int
    is_compressed: bool


@dataclass
class TraceDatHeader:
    """What must be known before the pages."""

    version: int
    page_bytes: int
    compression: str = ""
    """``zstd``, ``zlib`` or empty."""
    commit_bytes: int = 8
    data_offset: int = 16
    """Of the first entry in a page."""
    formats: dict[int, Format] = field(default_factory=dict)
    """By ``common_type``; fields only of events that are read."""
    kallsyms: bytes = b""
    comms: dict[int, str] = field(default_factory=dict)
    cpus: list[CpuPages] = field(default_factory=list)
    clock: str = "local"
    shift_ns: int = 0
    """Added to every time."""
    tsc: tuple[int, int, int] | None = None
    """Multiplier, shift, offset in ns, for times in cycles."""
    lost_events: int = 0
    release: str = ""
    """Of the recording kernel, when told."""


def read_trace_dat_header(data: mmap, path: str) -> TraceDatHeader:
    """Everything but the pages.  Raises TraceError, one line, for what cannot be used."""
    try:
        return _Reader(data, path).header()
    except (struct.error, ValueError, OverflowError, zlib.error) as error:
        raise TraceError(f"trace.dat header damaged: {error}", path=path) from error


def decompressor(name: str, path: str) -> Callable[[bytes, int], bytes]:
    """A function of compressed bytes and their size when whole.  Raises TraceError.

    It raises ValueError for damaged data.
    """
    if name == "zlib":
        return _checked(lambda packed, size: zlib.decompressobj().decompress(packed, size))
    if name != "zstd":
        raise TraceError(
            f"trace.dat compressed by {name!r}",
            path=path,
            hint=f"trace-cmd convert -i {path} -o plain.dat --compression none",
        )
    import zstandard

    inflater = zstandard.ZstdDecompressor()

    def inflate(packed: bytes, size: int) -> bytes:
        try:
            return inflater.decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error

    return _checked(inflate)


def _checked(inflate: Callable[[bytes, int], bytes]) -> Callable[[bytes, int], bytes]:
    def checked(packed: bytes, size: int) -> bytes:
        if size > _LARGEST_SECTION:
            raise ValueError(f"compressed part of {size} bytes")
        try:
            whole = inflate(packed, size)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(whole) != size:
            raise ValueError(f"compressed part of {len(whole)} bytes instead of {size}")
        return whole

    return checked


class _Reader:
    """One pass over the head of a file."""

    def __init__(self, data: mmap, path: str) -> None:
        self._data = data
        self._path = path
        self._cursor = Cursor(data)

    def header(self) -> TraceDatHeader:
        cursor = self._cursor
        if cursor.take(len(_MAGIC)) != _MAGIC:
            raise ValueError("no magic")
        version = cursor.string()
        if version not in _VERSIONS:
            raise TraceError(
                f"trace.dat of version {version[:9].decode('ascii', 'replace')}",
                path=self._path,
                expected="6 or 7",
                hint=f"trace-cmd report -t -i {self._path} > trace.txt",
            )
        if cursor.number(1):
            raise ValueError("of a big-endian machine")
        cursor.number(1)  # bytes of a long in user space
        page_bytes = cursor.number(4)
        if not 0 < page_bytes <= _LARGEST_PAGE:
            raise ValueError(f"pages of {page_bytes} bytes")
        self._header = TraceDatHeader(int(version), page_bytes)
        if version == b"6":
            self._sequence()
        else:
            self._sections()
        return self._header

    def _sequence(self) -> None:
        """Version 6, front to back."""
        cursor = self._cursor
        self._pages_look(read_header_info(cursor))
        self._formats(read_ftrace_formats(cursor))
        self._formats(read_event_formats(cursor))
        self._header.kallsyms = cursor.take(cursor.number(4))
        cursor.take(cursor.number(4))  # printk formats
        self._comms(cursor.take(cursor.number(8)))
        nr_cpus = cursor.number(4)
        word = cursor.take(_WORD_BYTES)
        instances: list[int] = []
        if word == _OPTIONS:
            while (option := cursor.number(2)) != _Option.DONE:
                content = cursor.take(cursor.number(4))
                if option == _Option.BUFFER:
                    instances.append(Cursor(content).number(8))
                else:
                    self._option(option, content)
            word = cursor.take(_WORD_BYTES)
        if word != _FLYRECORD:
            raise ValueError("no binary records, a latency trace")
        self._cpu_table(cursor, nr_cpus)
        for offset in instances:
            cursor = Cursor(self._data, offset)
            if cursor.take(_WORD_BYTES) == _FLYRECORD:
                self._cpu_table(cursor, nr_cpus)

    def _cpu_table(self, cursor: Cursor, nr_cpus: int) -> None:
        for cpu in range(nr_cpus):
            self._header.cpus.append(CpuPages(cpu, cursor.number(8), cursor.number(8), False))

    def _sections(self) -> None:
        """Version 7: follow the options."""
        cursor = self._cursor
        name = cursor.string().decode("ascii", "replace")
        cursor.string()  # its version
        self._header.compression = "" if name == "none" else name
        offset = cursor.number(8)
        seen: set[int] = set()
        while offset and offset not in seen:
            seen.add(offset)
            offset = self._options(Cursor(self._section(offset)))

    def _options(self, cursor: Cursor) -> int:
        """One section of options; offset of the next, 0 for none."""
        while True:
            option = cursor.number(2)
            content = cursor.take(cursor.number(4))
            if option == _Option.DONE:
                return Cursor(content).number(8)
            if option == _Option.BUFFER:
                self._buffer(Cursor(content), len(content))
            elif option in _SECTIONS:
                self._take_section(option, Cursor(self._section(Cursor(content).number(8))))
            else:
                self._option(option, content)

    def _section(self, offset: int) -> bytes:
        cursor = Cursor(self._data, offset)
        cursor.number(2)  # what it is
        flags = cursor.number(2)
        cursor.number(4)  # number of its description
        size = cursor.number(8)
        if size > _LARGEST_SECTION:
            raise ValueError(f"section of {size} bytes")
        if not flags & _COMPRESSED:
            return cursor.take(size)
        packed, whole = cursor.number(4), cursor.number(4)
        return decompressor(self._header.compression, self._path)(cursor.take(packed), whole)

    def _take_section(self, option: int, cursor: Cursor) -> None:
        if option == _Option.HEADER:
            self._pages_look(read_header_info(cursor))
        elif option == _Option.FTRACE_EVENTS:
            self._formats(read_ftrace_formats(cursor))
        elif option == _Option.EVENTS:
            self._formats(read_event_formats(cursor))
        elif option == _Option.KALLSYMS:
            self._header.kallsyms = cursor.take(cursor.number(4))
        else:
            self._comms(cursor.take(cursor.number(8)))

    def _buffer(self, cursor: Cursor, size: int) -> None:
        """Where one instance has its pages."""
        section = Cursor(self._data, cursor.number(8) + 2)
        is_compressed = bool(section.number(2) & _COMPRESSED)
        cursor.string()  # name of the instance
        clock = cursor.string().decode("ascii", "replace")
        self._header.clock = clock or self._header.clock
        nr_cpus = cursor.number(4)
        if size - cursor.pos != nr_cpus * 20:  # since 3.1 the size of a page stands first
            self._header.page_bytes, nr_cpus = nr_cpus, cursor.number(4)
            if not 0 < self._header.page_bytes <= _LARGEST_PAGE:
                raise ValueError(f"pages of {self._header.page_bytes} bytes")
        for _ in range(nr_cpus):
            cpu, offset, nr_bytes = cursor.number(4), cursor.number(8), cursor.number(8)
            self._header.cpus.append(CpuPages(cpu, offset, nr_bytes, is_compressed))

    def _option(self, option: int, content: bytes) -> None:
        """An option that says something itself."""
        header = self._header
        text = content.rstrip(b"\0")
        if option == _Option.CPUSTAT:
            header.lost_events += sum(map(int, _LOST.findall(content)))
        elif option == _Option.UNAME and (match := _RELEASE.match(text)):
            header.release = match[1].decode("ascii", "replace")
        elif option == _Option.CLOCK and (match := _CLOCK.search(text)):
            header.clock = match[1].decode()
        elif option == _Option.OFFSET:
            header.shift_ns += int(text, 0)
        elif option == _Option.DATE:
            header.shift_ns += int(text, 0) * 1000
        elif option == _Option.TSC:
            header.tsc = struct.unpack_from("<IIQ", content)

    def _pages_look(self, text: bytes) -> None:
        """From the ``header_page`` text: how wide a page's size is, where its entries start."""
        commit, data = _COMMIT_BYTES.search(text), _DATA_OFFSET.search(text)
        if commit is None or data is None or int(commit[1]) not in (4, 8):
            raise ValueError("header_page without commit or data")
        if not 8 + int(commit[1]) <= int(data[1]) < self._header.page_bytes:
            raise ValueError(f"header_page with its data at {int(data[1])}")
        self._header.commit_bytes, self._header.data_offset = int(commit[1]), int(data[1])

    def _formats(self, texts: Iterable[bytes]) -> None:
        for text in texts:
            match = _NAME_AND_ID.search(text)
            if match is None:
                continue
            name, number = match[1].decode(), int(match[2])
            form: Format | None = Format(name, number, {})
            if name in _NEEDED:
                form = parse_format(text.decode("utf-8", "replace"))
            if form is not None:
                self._header.formats[number] = form

    def _comms(self, text: bytes) -> None:
        for pid, comm in _COMM.findall(text):
            self._header.comms[int(pid)] = comm.decode("utf-8", "backslashreplace")


_SECTIONS = frozenset(
    {_Option.HEADER, _Option.FTRACE_EVENTS, _Option.EVENTS, _Option.KALLSYMS, _Option.COMMS}
)

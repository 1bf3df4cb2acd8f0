"""Any file as blocks of decompressed bytes, in bounded memory.

The compression is recognised by its magic number, never by the file's name.
"""

from __future__ import annotations

import lzma
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol

from buddysim.errors import TraceError

__all__ = ["BLOCK_BYTES", "ByteStream", "open_stream"]

BLOCK_BYTES = 1 << 20
"""Largest block handed out, bytes."""

_INPUT_BYTES = 1 << 14
_HEAD_BYTES = 1 << 16
_ZSTD_WINDOW = 1 << 31
_DAMAGE = (EOFError, OSError, lzma.LZMAError, zlib.error)
_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"


class ByteStream:
    """A readable file.  ``head`` may be looked at before :meth:`blocks`, which works once."""

    def __init__(self, path: str, raw: IO[bytes], compression: str) -> None:
        self.path = path
        self.compression = compression
        """``gzip``, ``xz``, ``zstd`` or empty."""
        self.raw = raw
        # A trace that is opened and never read must not hold its file until the exit.
        weakref.finalize(self, raw.close)
        self._source: _Members | IO[bytes] = raw
        if compression:
            self._source = _Members(raw, _BEGIN[compression])
        self.position = 0
        """Decompressed bytes handed over by the operating system so far."""
        self._late: TraceError | None = None
        self.head = self._read()
        """The first block or more, enough to recognise the format; empty when the file is."""
        self._fill_head()

    def _fill_head(self) -> None:
        """Read on until the format can be recognised; damage behind it is told when reached."""
        try:
            while len(self.head) < _HEAD_BYTES and (block := self._read()):
                self.head += block
        except TraceError as error:
            self._late = error

    def _read(self) -> bytes:
        """The next block, empty at the end.  Raises TraceError for damaged compression."""
        if self._late is not None:
            raise self._late
        try:
            block = self._source.read(BLOCK_BYTES)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        self.position += len(block)
        return block

    def _damaged(self, error: BaseException) -> TraceError:
        kind = self.compression or "file"
        return TraceError(
            f"{kind} data cut or damaged after {self.position} decompressed bytes: {error}",
            path=self.path,
            hint="--salvage uses what stands before the damage",
        )

    def blocks(self) -> Iterator[bytes]:
        """All blocks from the first.  Decompression runs one block ahead in its own thread."""
        block = self.head
        if not self.compression:
            while block:
                yield block
                block = self._read()
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            while block:
                ahead = pool.submit(self._read)
                yield block
                block = ahead.result()

    def close(self) -> None:
        """Close the file.  May be called twice."""
        self.raw.close()

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Member(Protocol):
    """One gzip member, xz stream or zstd frame being decompressed."""

    @property
    def eof(self) -> bool:
        """The member is complete."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input behind its end."""
        ...

    def decompress(self, data: bytes, /) -> bytes:
        """What these bytes add.  Raises one of ``_DAMAGE``."""
        ...


class _ZstdFrame:
    """A zstd frame whose errors are OSError, so that others need not import zstandard."""

    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data)

    def decompress(self, data: bytes, /) -> bytes:
        try:
            return bytes(self._frame.decompress(data))
        except self._error as error:
            raise OSError(str(error)) from error


class _Members:
    """Reads concatenated compressed members, and tells a cut file from a whole one."""

    def __init__(self, raw: IO[bytes], begin: Callable[[], _Member]) -> None:
        self._raw = raw
        self._begin = begin
        self._member = begin()
        self._input = b""
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty only at the end of the last whole member."""
        while not self._ready:
            if not self._input:
                self._input = self._raw.read(_INPUT_BYTES)
                if not self._input:
                    return self._end()
            if self._member.eof:
                self._input = self._input.lstrip(b"\0")  # padding between members
                if not self._input:
                    continue
                self._member = self._begin()
            self._ready = self._member.decompress(self._input)
            self._input = self._member.unused_data if self._member.eof else b""
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def _end(self) -> bytes:
        if not self._member.eof:
            raise EOFError("the end is missing")
        return b""


_BEGIN: dict[str, Callable[[], _Member]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "xz": lzma.LZMADecompressor,
    "zstd": _ZstdFrame,
}


def _compression_of(magic: bytes) -> str:
    for prefix, name in ((_GZIP, "gzip"), (_XZ, "xz"), (_ZSTD, "zstd")):
        if magic.startswith(prefix):
            return name
    return ""


def open_stream(path: str) -> ByteStream:
    """Open ``path`` for reading.  Raises TraceError: missing, unreadable, a directory, empty."""
    try:
        raw = Path(path).open("rb")  # noqa: SIM115  # the stream owns it, see close()
    except IsADirectoryError as error:
        raise TraceError(
            "is a directory", path=path, expected="a trace file", hint="name a file in it"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TraceError(f"cannot be opened: {reason}", path=path) from error
    try:
        # A pipe cannot be rewound, so look at the buffered bytes instead of reading them.
        stream = ByteStream(path, raw, _compression_of(raw.peek(8)[:8]))
        if not stream.head:
            raise TraceError("is empty", path=path, expected="a trace")
    except BaseException:
        raw.close()
        raise
    return stream

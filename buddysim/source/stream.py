"""Any file as blocks of decompressed bytes, in bounded memory.

The compression is recognised by its magic number, never by the file's name.
"""

from __future__ import annotations

import gzip
import lzma
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from buddysim.errors import TraceError

__all__ = ["BLOCK_BYTES", "ByteStream", "open_stream"]

BLOCK_BYTES = 1 << 20
"""Largest block handed out, bytes."""

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
        self._source = _decompressor(raw, compression)
        self.position = 0
        """Decompressed bytes handed over by the operating system so far."""
        self.head = self._read()
        """The first block or more, enough to recognise the format; empty when the file is."""
        while len(self.head) < _HEAD_BYTES and (block := self._read()):
            self.head += block

    def _read(self) -> bytes:
        """The next block, empty at the end.  Raises TraceError for damaged compression."""
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
            hint=f"to use what is left, decompress it by hand: {_BY_HAND[self.compression]}",
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


_BY_HAND = {
    "": "no more of the file can be read",
    "gzip": "gzip -dc FILE > part.txt",
    "xz": "xz -dc FILE > part.txt",
    "zstd": "zstd -dc --long=31 FILE > part.txt",
}


def _decompressor(raw: IO[bytes], compression: str) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if compression == "xz":
        return cast(IO[bytes], lzma.LZMAFile(raw))
    if compression == "zstd":
        return _ZstdFrames(raw)  # type: ignore[return-value]  # only read() is used
    return raw


class _ZstdFrames:
    """Reads concatenated zstd frames, and tells a cut file from a whole one."""

    def __init__(self, raw: IO[bytes]) -> None:
        import zstandard

        self._factory = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._raw = raw
        self._frame = self._factory.decompressobj()
        self._input = b""
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; empty only at the end of the last whole frame."""
        import zstandard

        while not self._ready:
            if not self._input:
                self._input = self._raw.read(1 << 14)
                if not self._input:
                    return self._end()
            if self._frame.eof:
                self._frame = self._factory.decompressobj()
            try:
                self._ready = self._frame.decompress(self._input)
            except zstandard.ZstdError as error:
                raise OSError(str(error)) from error
            self._input = self._frame.unused_data if self._frame.eof else b""
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def _end(self) -> bytes:
        if not self._frame.eof:
            raise EOFError("the last frame is not complete")
        return b""


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

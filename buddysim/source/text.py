"""Readers of ftrace, perf script and trace-cmd text: blocks through the scanner into batches."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from buddysim.errors import TraceError
from buddysim.kernel.profile import DEFAULT_PROFILE
from buddysim.source.decoder import LineDecoder
from buddysim.source.event import CallerBy, EventBatch, Tables, TraceMeta
from buddysim.source.rows_ahead import AheadReader
from buddysim.source.scanner import Scanner
from buddysim.source.slab_pages import name_slab_pages
from buddysim.source.sniff import Layout
from buddysim.source.stream import ByteStream, open_stream

__all__ = ["TextTrace"]

_LONGEST_LINE = 1 << 20
"""A longer run of bytes without a line end is damage and skipped, to bound memory."""


class TextTrace(AheadReader):
    """A :class:`Trace` over text.  ``batches`` may be consumed once."""

    def __init__(
        self, stream: ByteStream, layout: Layout, *, caller_by: CallerBy, salvage: bool = False
    ) -> None:
        """``salvage``: stop at damaged compression as if the text were cut there."""
        self._stream = stream
        self._salvage = salvage
        how = f", {stream.compression}" if stream.compression else ""
        self.meta = TraceMeta(
            path=stream.path,
            format=layout.format,
            layout=layout.reason + how,
            profile=layout.profile,
        )
        self.tables = Tables()
        self._decoder = LineDecoder(
            self.meta,
            self.tables,
            era=layout.profile or DEFAULT_PROFILE,
            perf=layout.format == "perf-script",
            caller_by=caller_by,
        )
        self._is_read = False

    def _begin(self) -> None:
        """Nothing of the text is read; names keep their numbers."""
        if self._is_read:
            self._stream = open_stream(self.meta.path)
            self._decoder.begin()
        self._is_read = True
        self._scanner = Scanner(self._decoder, self.meta.format == "perf-script")
        self.meta.truncated = False

    def read(self) -> Iterator[EventBatch]:
        """Rows in the order of the file.  Raises TraceError when the file holds no event."""
        self._begin()
        rest = b""
        try:
            for block in self._blocks():
                rest = yield from self._scan(rest + block if rest else block, final=False)
                if len(rest) > _LONGEST_LINE:
                    rest = b""
                    self._scanner.skipped += 1
            rest = yield from self._scan(rest, final=True)
        finally:
            self._stream.close()
        if rest:
            # Its end is missing, so its numbers may be cut: better no event than a wrong one.
            self.meta.truncated = True
            self._scanner.lines += 1
            self._scanner.skipped += 1
        yield self._take(final=True)
        if not self._scanner.first:
            raise self._no_event()

    def _blocks(self) -> Iterator[bytes]:
        try:
            yield from self._stream.blocks()
        except TraceError:
            if not self._salvage:
                raise
            self.meta.truncated = True

    def _scan(self, text: bytes, *, final: bool) -> Generator[EventBatch, None, bytes]:
        """Yield full batches from ``text``; return the bytes that need more of the file."""
        scanner = self._scanner
        pos = scanner.scan(text, 0, final)
        while scanner.full():
            yield self._take(final=False)
            pos = scanner.scan(text, pos, final)
        return text[pos:]

    def _take(self, *, final: bool) -> EventBatch:
        batch = self._scanner.take(final, self.shelf)
        name_slab_pages(batch)
        self.meta.lines = self._scanner.lines
        self.meta.skipped_lines = self._scanner.skipped
        return batch

    def _no_event(self) -> TraceError:
        return TraceError(
            f"{self.meta.format} text of {self.meta.lines} lines without any event",
            path=self.meta.path,
            hint="enable events/kmem/mm_page_alloc and mm_page_free before recording",
        )

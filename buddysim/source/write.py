"""Traces out: the suffix of the name decides the format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from buddysim.errors import ConfigError
from buddysim.source.event import EventBatch, Tables, Trace, TraceMeta
from buddysim.source.pack import PackedWriter
from buddysim.source.packed import PackedTrace
from buddysim.source.script import ScriptTrace, format_script
from buddysim.source.write_ftrace import ftrace_lines
from buddysim.source.write_parquet import write_parquet
from buddysim.source.write_script import script_lines

__all__ = ["SUFFIXES", "write_trace"]

SUFFIXES: dict[str, str] = {
    ".bst": "packed binary trace",
    ".txt": "ftrace text",
    ".trace": "script of allocations and frees",
    ".parquet": "Parquet table (needs pyarrow)",
}
"""Formats that can be written."""

Progress = Callable[[int], None]
"""Called with the rows read so far."""


class _Watched:
    """A Trace that reports how far it was read."""

    def __init__(self, trace: Trace, progress: Progress | None) -> None:
        self.meta: TraceMeta = trace.meta
        self.tables: Tables = trace.tables
        self.source = trace
        self.rows = 0
        self._progress = progress

    def batches(self) -> Iterator[EventBatch]:
        """The rows, unchanged."""
        for batch in self.source.batches():
            self.rows += len(batch)
            yield batch
            if self._progress is not None:
                self._progress(self.rows)


def write_trace(trace: Trace, path: str, *, progress: Progress | None = None) -> int:
    """Write the whole trace to ``path``, atomically; returns the rows read.

    Raises ConfigError for a suffix that names no format or a place that cannot be written,
    TraceError of the source.
    """
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ConfigError(f"output {path!r}", expected=f"a name ending in {', '.join(SUFFIXES)}")
    if isinstance(trace, ScriptTrace):
        return _write_from_script(trace, path, suffix)
    watched = _Watched(trace, progress)
    try:
        _WRITERS[suffix](watched, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
    return watched.rows


def _write_from_script(trace: ScriptTrace, path: str, suffix: str) -> int:
    """A script has no pfns: it can stay a script, or be kept as one in a packed file."""
    text = format_script(trace.script)
    rows = sum(map(len, trace.batches()))
    if suffix == ".trace":
        with _replacing(path) as temporary:
            temporary.write_text(text)
    elif suffix == ".bst":
        with PackedWriter(path) as writer:
            writer.begin(trace.meta)
            writer.script(text.encode())
            writer.finish(trace.meta, Tables())
    else:
        raise ConfigError(
            f"a script has no recorded pages to write as {SUFFIXES[suffix]}",
            expected=".trace or .bst",
        )
    return rows


def _write_packed(trace: _Watched, path: str) -> None:
    with PackedWriter(path) as writer:
        writer.begin(trace.meta)
        if isinstance(trace.source, PackedTrace):
            for name, content in trace.source.snapshots().items():
                writer.snapshot(name, content)
        for batch in trace.batches():
            writer.rows(batch, trace.tables)
        writer.finish(trace.meta, trace.tables)


def _write_text(lines: Callable[[Trace], Iterator[str]]) -> Callable[[_Watched, str], None]:
    def write(trace: _Watched, path: str) -> None:
        with _replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(lines(trace))

    return write


def _write_table(trace: _Watched, path: str) -> None:
    with _replacing(path) as temporary:
        write_parquet(trace, str(temporary))


@contextmanager
def _replacing(path: str) -> Iterator[Path]:
    """A temporary file that takes the place of ``path`` when the block ends well."""
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


_WRITERS: dict[str, Callable[[_Watched, str], None]] = {
    ".bst": _write_packed,
    ".txt": _write_text(ftrace_lines),
    ".trace": _write_text(script_lines),
    ".parquet": _write_table,
}

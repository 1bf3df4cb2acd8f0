"""Writes rows as Parquet, for data frames; needs the optional package pyarrow."""

from __future__ import annotations

from typing import Any

from buddysim.errors import ConfigError
from buddysim.source.event import EventBatch, EventKind, Trace

__all__ = ["write_parquet"]

_INDEXED = {"caller": "callers", "task": "tasks"}


def write_parquet(trace: Trace, path: str) -> int:
    """One row group a batch; kinds, callers and tasks as strings.  Returns the rows written.

    Raises ConfigError without pyarrow, TraceError of the source.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            "Parquet needs the package pyarrow", hint="pip install 'buddysim[parquet]'"
        ) from error
    kinds = [kind.name.lower() for kind in EventKind]
    places = {int(kind): place for place, kind in enumerate(EventKind)}
    writer = None
    rows = 0
    try:
        for batch in trace.batches():
            columns = _columns(pyarrow, batch, trace, kinds, places)
            table = pyarrow.table(columns)
            if writer is None:
                writer = parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
            rows += len(batch)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _columns(
    pyarrow: Any, batch: EventBatch, trace: Trace, kinds: list[str], places: dict[int, int]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in EventBatch.columns:
        values = getattr(batch, name)
        if name == "kind":
            found[name] = _words(pyarrow, [places[kind] for kind in values], kinds)
        elif name in _INDEXED:
            found[name] = _words(pyarrow, values, getattr(trace.tables, _INDEXED[name]))
        else:
            found[name] = pyarrow.array(memoryview(values).tolist(), type=_type(pyarrow, values))
    chains = [";".join(frames) for frames in trace.tables.stacks]
    found["stack"] = _words(pyarrow, batch.stack, chains)
    return found


def _type(pyarrow: Any, values: Any) -> Any:
    sign = "u" if values.typecode.isupper() else ""
    return getattr(pyarrow, f"{sign}int{8 * values.itemsize}")()


def _words(pyarrow: Any, index: Any, words: list[str]) -> Any:
    numbers = pyarrow.array(list(index), type=pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(numbers, pyarrow.array(words)).cast(pyarrow.string())

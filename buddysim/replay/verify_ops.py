"""Recorded scripts as plain operations, for checks that need more than page placement.

Both formats of the oracle become the same dictionaries (names of the JSON Lines format); of
snapshots the text format yields ``{"op": "snapz", "state": Snapshot}``.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buddysim.errors import TraceError
from buddysim.source.oracle import Op, Step, open_oracle

__all__ = ["Operation", "Recording", "read_log", "read_recording", "read_timed_log"]

Operation = dict[str, Any]
_PLAIN = {Op.DRAIN: "drain", Op.FREE_ALL: "freeall", Op.FREE_FILL: "freeall"}
_STAMP = re.compile(r"\[\s*(\d+)\.(\d{6})\] ")


@dataclass(frozen=True)
class Recording:
    """One recorded script: header values, then (line, operation) in order of execution."""

    path: Path
    name: str
    set: str
    profile: str
    x86: bool
    meta: dict[str, Any]
    operations: tuple[tuple[int, Operation], ...]


def read_recording(path: Path) -> Recording:
    """Read a ``.oracle.gz`` or ``.jsonl.gz`` file whole.  Raises TraceError.  O(size)."""
    case = open_oracle(path)
    if case.x86:
        operations = tuple(_json_operations(path))
    else:
        operations = tuple(
            (step[1], operation) for step in case.steps() for operation in _of_step(step)
        )
    return Recording(path, case.name, case.set, case.kernel, case.x86, case.meta, operations)


def _json_operations(path: Path) -> Iterator[tuple[int, Operation]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                if number > 1 and line.strip():
                    yield number, json.loads(line)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise TraceError(f"cannot read recording: {error}", path=str(path)) from None


def _of_step(step: Step) -> Iterator[Operation]:
    """The operation that a step of the text format stands for."""
    if step[0] == Op.ALLOC:
        _, _, ident, order, gfp, pfn, _, jiffies = step
        yield {"op": "a", "id": ident, "order": order, "gfp": gfp, "pfn": pfn, "jiffies": jiffies}
    elif step[0] == Op.SNAP:
        yield {"op": "snapz", "state": step[2]}
    elif step[0] == Op.FILL:
        yield {"op": "fill", "order": step[3], "gfp": step[4], "failed": step[6] < step[5]}
    elif step[0] in _PLAIN:
        yield {"op": _PLAIN[step[0]]}
    elif step[0] == Op.OTHER:
        _, _, word, values = step
        if word == "fault":
            yield {"op": "make_it_fail", "on": int(values[0])}
        elif word == "nth":
            yield {"op": "fail_nth", "value": int(values[0])}
        elif word == "sleep":
            yield {"op": "sleep", "ms": int(values[0])}


def read_log(path: Path) -> list[tuple[int, str]]:
    """(line number, text without its time stamp) of a kernel log; empty when there is none.

    Raises TraceError for a file that cannot be read.
    """
    return [(number, text) for number, _, text in read_timed_log(path)]


def read_timed_log(path: Path) -> list[tuple[int, int, str]]:
    """As :func:`read_log` with each line's time in microseconds, -1 for lines without one."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TraceError(f"cannot read kernel log: {error}", path=str(path)) from None
    stamped = ((number, line, _STAMP.match(line)) for number, line in enumerate(lines, 1))
    return [
        (number, int(stamp[1]) * 1_000_000 + int(stamp[2]), line[stamp.end() :])
        if stamp
        else (number, -1, line)
        for number, line, stamp in stamped
        if line.strip()
    ]

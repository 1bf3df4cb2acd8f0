"""Races of the readers: the same events in each format, against regular expressions in Python.

The seconds are the process's own, of all its threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import process_time

from buddysim.bench.files import LINE, sample
from buddysim.bench.race import Race, Run
from buddysim.source.open import open_trace

__all__ = ["REGEX", "ingest_races", "read_seconds", "regex_run", "regex_seconds"]

REGEX = "regular expressions in Python"
_MEGABYTE = 1e6
_FORMATS = (
    ("ftrace text", "plan.txt"),
    ("ftrace text, gzip", "plan.txt.gz"),
    ("ftrace text, zstd", "plan.txt.zst"),
    ("ftrace text with stacks", "stacks.txt"),
    ("perf script", "plan.perf"),
    ("perf.data", "plan.data"),
    ("trace.dat", "plan.dat"),
    ("packed .bst", "plan.bst"),
)
_REGEX_CYCLES = 1
_FIELDS = re.compile(r"(\w+)=(\S+)")


def ingest_races(cycles: int) -> Iterator[Race]:
    """Reading by format, in lines (of binary formats: events) and in megabytes per second.

    ``cycles``: files are this many times 66 thousand events long.  Megabytes (10^6 bytes) are
    those of the text inside a compressed file.
    """
    for name, file in _FORMATS:
        what = "lines/s" if name.startswith(("ftrace", "perf script")) else "events/s"
        for told, unit in ((name, what), (f"{name}, by size", "MB/s")):
            prepare = partial(_prepare, file, cycles, unit)
            yield Race("ingest", told, unit, 1, REGEX, prepare)


def _prepare(name: str, cycles: int, unit: str, folder: Path) -> tuple[Run, Run]:
    ours = sample(folder, name, cycles)
    work = ours.bytes / _MEGABYTE if unit == "MB/s" else ours.lines
    return lambda: read_seconds(ours.path) / work, regex_run(folder, unit)


def regex_run(folder: Path, unit: str) -> Run:
    """The yardstick on a short text: seconds a line, or a megabyte."""
    text = sample(folder, "plan.txt", _REGEX_CYCLES)
    work = text.bytes / _MEGABYTE if unit == "MB/s" else text.lines
    return lambda: regex_seconds(text.path) / work


def read_seconds(path: Path) -> float:
    """CPU seconds to read a trace into columns."""
    started = process_time()
    for _batch in open_trace(str(path)).batches():
        pass
    return process_time() - started


def regex_seconds(path: Path) -> float:
    """CPU seconds to take a text apart line by line, fields into a dict: the obvious way."""
    started = process_time()
    with path.open(encoding="utf-8") as lines:
        for match in filter(None, map(LINE.match, lines)):
            dict(_FIELDS.findall(match["rest"]))
    return process_time() - started

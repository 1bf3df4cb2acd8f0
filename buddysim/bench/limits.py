"""What buddysim promises of its speed, and whether the figures of a run keep it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from buddysim.bench.race import Row

__all__ = ["LIMITS", "Limit", "Verdict", "judged"]

Of = Literal["value", "ratio", "times", "spread"]
"""The row's figure; its ratio to the yardstick; how many times the ratio goes into one; or the
greater of both, for what is to be the same."""
Outcome = Literal["met", "missed", "not measured"]


@dataclass(frozen=True)
class Limit:
    """A bound on every row that ``rows`` (a glob) names in a group: the worst of them counts."""

    name: str
    group: str
    rows: str
    of: Of
    at: Literal["least", "most"]
    bound: float
    unit: str
    """Of the bound; ``x`` for one that compares with the yardstick."""
    needs: str = ""
    """What must be there to measure it."""
    build: str = "compiled"
    """The build that promises it; empty: both."""


@dataclass(frozen=True)
class Verdict:
    """A limit and what became of it."""

    name: str
    figure: float | None
    at: str
    limit: float
    unit: str
    outcome: Outcome
    row: str
    """The row that came nearest to the limit, or went furthest beyond; if none, what it needs."""


_RECORDINGS = "the recordings in traces/ of a checkout, or BUDDYSIM_ORACLE"
LIMITS = (
    Limit("packed recordings, their own machine, with findings", "recordings",
          "*own machine, model*findings", "value", "least", 10e6, "events/s", _RECORDINGS),
    Limit("packed recordings, machine of 1G, with findings", "recordings",
          "*1G, model*findings", "value", "least", 10e6, "events/s", _RECORDINGS),
    Limit("core, times the lower bound, machines from 1G", "core", "core, *G", "times", "most",
          1.3, "x"),
    Limit("core, times the lower bound, machine of 64M", "core", "core, *M", "times", "most",
          1.3, "x"),
    Limit("core, instructions an event", "instructions", "core,*", "value", "most", 160,
          "instructions/event", "valgrind"),
    Limit("perf.data, times faster than perf kmem", "perf.data", "*", "times", "least", 4, "x",
          "perf, and either --perf-data FILE or the right to record"),
    Limit("trace.dat, times faster than trace-cmd report", "trace.dat", "*", "times", "least", 3,
          "x", "trace-cmd"),
    Limit("text to report, without stacks", "report", "ftrace text,*", "value", "least",
          2.5e6, "lines/s"),
    Limit("text to report, with stacks", "report", "*with stacks,*", "value", "least",
          300, "MB/s"),
    Limit("scanner alone", "ingest", "ftrace text", "value", "least", 4e6, "lines/s"),
    Limit("start of a machine of 64G", "start", "a machine of 64G", "value", "most", 1, "s"),
    Limit("memory of a machine of 64G", "memory", "a machine of 64G", "value", "most", 500, "MB"),
    Limit("--help, times importing typer and rich", "start", "buddysim --help", "ratio", "most",
          1.3, "x"),
    Limit("replay of 50 lines, times importing typer and rich", "start", "replay, 50 lines",
          "ratio", "most", 2.5, "x"),
    Limit("cost of an event, long or short trace, large or small machine", "scaling", "*",
          "spread", "most", 1.5, "x", build=""),
    Limit("memory, long stream to short one", "memory", "streaming*longer*", "ratio", "most", 1.2,
          "x", build=""),
    Limit("packed recordings, interpreted, with findings", "recordings", "*findings", "value",
          "least", 0.3e6, "events/s", _RECORDINGS, build="interpreted"),
)  # fmt: skip
"""In the order they are shown."""


def judged(rows: Iterable[Row], groups: Iterable[str], build: str) -> Iterator[Verdict]:
    """Every limit that this build promises in these groups."""
    measured, chosen = list(rows), set(groups)
    for limit in LIMITS:
        if limit.group in chosen and limit.build in ("", build):
            yield _verdict(limit, measured)


def _verdict(limit: Limit, rows: list[Row]) -> Verdict:
    figures = [
        (_figure(row, limit.of), row.name)
        for row in rows
        if row.group == limit.group and fnmatchcase(row.name, limit.rows)
    ]
    common = (limit.at, limit.bound, limit.unit)
    if not figures:
        return Verdict(limit.name, None, *common, "not measured", limit.needs)
    figure, name = min(figures) if limit.at == "least" else max(figures)
    kept = figure >= limit.bound if limit.at == "least" else figure <= limit.bound
    return Verdict(limit.name, figure, *common, "met" if kept else "missed", name)


def _figure(row: Row, of: Of) -> float:
    if of == "value":
        return row.value
    if of == "ratio":
        return row.ratio
    times = 1 / row.ratio if row.ratio else float("inf")
    return times if of == "times" else max(times, row.ratio)

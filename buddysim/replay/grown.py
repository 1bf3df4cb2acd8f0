"""A start state grown from the trace itself, when nothing else tells of the machine.

The trace is read once ahead, and a short one not again.  Its highest page says how far memory
reaches, its cpus how many there are.  A block whose first event is its free was in use before;
every other page is taken to be free.  So a recording never fails for lack of memory that it shows
to exist, and the pages it frees first are there to be freed.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from buddysim.mm.spec import MachineSpec
from buddysim.source.event import LooksAhead, Trace
from buddysim.source.first_events import FirstEvents
from buddysim.source.open import open_trace
from buddysim.units import PAGE_SIZE, format_bytes

__all__ = ["Survey", "grown_spec", "survey_of"]

_LEAST_PAGES = (1 << 30) // PAGE_SIZE
_STEP_PAGES = (128 << 20) // PAGE_SIZE
_MOST_CPUS = 256


class Survey(NamedTuple):
    """What a trace shows of its machine."""

    highest_pfn: int = -1
    highest_cpu: int = 0
    freed_first: tuple[tuple[int, int], ...] = ()
    """(pfn, order), ascending, of blocks that were in use when the trace began."""


def grown_spec(trace: Trace, profile: str) -> MachineSpec | None:
    """The machine that a recording shows; None when it shows no page or cannot be read again.

    Raises TraceError.  O(events) time, O(distinct pages) memory.
    """
    path = Path(trace.meta.path)
    if not path.is_file():
        return None
    survey = _survey_of_file(trace, path)
    if survey.highest_pfn < 0:
        return None
    pages = max(_LEAST_PAGES, -(-(survey.highest_pfn + 1) // _STEP_PAGES) * _STEP_PAGES)
    cpus = min(survey.highest_cpu + 1, _MOST_CPUS)
    spec = MachineSpec.from_mem(pages * PAGE_SIZE, profile=profile, ncpus=cpus)
    return replace(
        spec,
        in_use=survey.freed_first,
        origin=f"grown from the trace: {format_bytes(pages * PAGE_SIZE)} by its highest page, "
        f"{len(survey.freed_first):,} blocks in use that it frees first, every other page free",
    )


def _survey_of_file(trace: Trace, path: Path) -> Survey:
    """One survey for all replays of a file that has not changed."""
    told = path.stat()
    known = _surveys(str(path), told.st_mtime_ns, told.st_size)
    if not known:
        ahead = isinstance(trace, LooksAhead)
        known.append(survey_of(trace if ahead else open_trace(str(path), salvage=True)))
    return known[0]


@lru_cache(maxsize=4)
def _surveys(path: str, mtime_ns: int, size: int) -> list[Survey]:
    """Where the survey of a file is kept: one, or none yet."""
    del path, mtime_ns, size
    return []


def survey_of(trace: Trace) -> Survey:
    """Read a whole trace and say what it shows of its machine.  Raises TraceError.

    A trace that can look ahead may be read once more.
    """
    first = FirstEvents()
    if isinstance(trace, LooksAhead):
        trace.look_ahead(first.take)
    else:
        for batch in trace.batches():
            first.take(batch)
    return Survey(first.highest_pfn, first.highest_cpu, tuple(_apart(first.freed())))


def _apart(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Blocks that begin behind the one before them: of overlapping ones the first."""
    kept: list[tuple[int, int]] = []
    end = 0
    for pfn, order in blocks:
        if pfn >= end:
            kept.append((pfn, order))
            end = pfn + (1 << order)
    return kept

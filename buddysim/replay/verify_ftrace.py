"""Check a system-wide trace of a running kernel against a replay (``verify``).

Recorded placement must never contradict the kernel: no page handed out twice, and every page the
kernel had free at the end free in the replay.  The surplus, pages free here and in use there, is
set against its known causes: pages handed out without an event (bulk allocation) and targets of
page migration, less those of them that were freed again with an event.

Model placement predicts: failures, fallbacks, free blocks at the end, pages picked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.mm.machine import Machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.replay.snapshot import spec_from_snapshot
from buddysim.replay.verify_case import CaseResult, EndState
from buddysim.replay.verify_prediction import foresee, sentences
from buddysim.source.event import EventBatch
from buddysim.source.open import open_trace
from buddysim.source.oracle import Snapshot, read_snapshots

__all__ = ["check_ftrace", "is_ftrace_folder"]

_TRACES = ("trace.txt.zst", "trace.txt.gz", "trace.txt.xz", "trace.txt")


class _Keeper:
    """Watches a replay only to keep its machine for a last look."""

    every = 1 << 30

    def __init__(self) -> None:
        self.machine: Machine | None = None

    def begin(self, machine: Machine) -> None:
        """Remember the machine."""
        self.machine = machine

    def after(self, machine: Machine, piece: EventBatch) -> bool:
        """Never ends the replay."""
        return True


@dataclass(frozen=True)
class _Replayed:
    run: RunResult
    machine: Machine


def is_ftrace_folder(path: Path) -> bool:
    """Does a folder hold a trace with the snapshots taken around it?"""
    return path.is_dir() and _trace_in(path) is not None and bool(list(path.glob("snapshots.*")))


def _trace_in(folder: Path) -> Path | None:
    return next((folder / name for name in _TRACES if (folder / name).is_file()), None)


def check_ftrace(folder: Path) -> CaseResult:
    """Replay both ways and compare.  Raises TraceError for a folder without trace or snapshots."""
    trace = _trace_in(folder)
    snapshots, x86 = read_snapshots(folder)
    if trace is None or len(snapshots) < 2:
        raise TraceError("no trace with two snapshots", path=str(folder))
    recorded = _replayed(trace, snapshots[0], x86=x86)
    end = snapshots[-1]
    surplus, missing = _against_kernel(recorded.machine, end)
    known = _known_surplus(folder, recorded.run, snapshots)
    foreseen = foresee(trace, snapshots[0], end, x86=x86, unseen=known)
    in_use = recorded.run.reconciled.get("taken_in_use", 0)
    notes = [
        f"recorded placement: {in_use} pages handed out twice, {missing} missing at the end, "
        f"surplus {surplus}" + (f" of which {known} known" if known is not None else ""),
        *sentences(foreseen),
    ]
    first = None
    if in_use or missing:
        first = {"line": 0, "op": "recorded placement", "expected": 0, "got": in_use + missing}
    return CaseResult(
        case=folder.name,
        set=folder.parent.name,
        ops=recorded.run.events,
        outcome_exact=not in_use and not missing,
        first_divergence=first,
        end_state=EndState(None, None, None, missing == 0),
        notes=tuple(notes),
        prediction=foreseen,
    )


def _replayed(trace: Path, start: Snapshot, *, x86: bool) -> _Replayed:
    keeper = _Keeper()
    config = ReplayConfig(
        machine_spec=spec_from_snapshot(start, "6.12", x86=x86),
        profile="6.12",
        placement="recorded",
        warn="silent",
    )
    run = replay(open_trace(str(trace), profile="6.12"), config, watcher=keeper)
    assert keeper.machine is not None
    return _Replayed(run, keeper.machine)


def _against_kernel(machine: Machine, end: Snapshot) -> tuple[int, int]:
    """Pages free here but not there, and free there but not here; pcp pages count as free."""
    kernel = set(_free_pages(end))
    ours = set(_free_pages_of(machine))
    return len(ours - kernel), len(kernel - ours)


def _free_pages(snapshot: Snapshot) -> Iterator[int]:
    for zone in snapshot.zones:
        for order, _, pfns in zone.free_lists:
            for pfn in pfns:
                yield from range(pfn, pfn + (1 << order))
        for pcp in zone.pcp:
            for (order, _), pfns in pcp.lists:
                for pfn in pfns:
                    yield from range(pfn, pfn + (1 << order))


def _free_pages_of(machine: Machine) -> Iterator[int]:
    for zone in machine.zones:
        orders = zone.order_of
        for index in range(zone.start, zone.end):
            held = orders[index]
            if held != -1:
                order = held if held >= 0 else -2 - held
                yield from range(zone.base + index, zone.base + index + (1 << order))


def _known_surplus(folder: Path, run: RunResult, snapshots: list[Snapshot]) -> int | None:
    """Pages that left the free lists without an event, less those freed again with one."""
    before, after = (_counters(folder, snapshots, at) for at in ("before", "after"))
    if not before or not after:
        return None

    def moved(prefix: str) -> int:
        return sum(after[name] - before.get(name, 0) for name in after if name.startswith(prefix))

    traced = sum(stats.pages for stats in run.callers)
    silent = moved("pgalloc_") - traced + moved("pgmigrate_success")
    return silent - run.reconciled.get("free_of_free_pages", run.reconciled.get("free_free", 0))


def _counters(folder: Path, snapshots: list[Snapshot], at: str) -> dict[str, int]:
    snapshot = snapshots[0] if at == "before" else snapshots[-1]
    if snapshot.vm_events:
        return snapshot.vm_events
    path = folder / f"vmstat.{at}.txt"
    if not path.is_file():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {words[0]: int(words[1]) for words in pairs if len(words) == 2}

"""Races on recordings of real kernels: packed, replayed, and from text to report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from time import process_time

from buddysim.bench.commands import report_run
from buddysim.bench.cores import BOUND, bound_run
from buddysim.bench.ingest import REGEX, regex_run
from buddysim.bench.plan import FREE, AllocPlan
from buddysim.bench.race import Race, Run
from buddysim.bench.replays import Placement, replay_seconds, told_way
from buddysim.mm.machine import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.source.event import EventBatch, EventKind, Trace
from buddysim.source.open import open_trace
from buddysim.source.packed import PackedTrace
from buddysim.source.write import write_trace
from buddysim.units import format_bytes

__all__ = ["plan_of", "recording_races", "recordings"]

_CHECKOUT = Path(__file__).resolve().parents[2]
_TEXT = "trace.txt.zst"
_BOUND_MEM = _MACHINE = 1 << 30
_ALLOC, _FREE = int(EventKind.ALLOC), int(EventKind.FREE)
_Way = tuple[Placement, bool]
_WAYS: tuple[_Way, ...] = (
    ("model", False),
    ("model", True),
    ("recorded", False),
    ("recorded", True),
)


class _ClockedTrace(PackedTrace):
    """Notes when reading it began."""

    began = 0.0

    def batches(self) -> Iterator[EventBatch]:
        """The rows in order."""
        self.began = process_time()
        return super().batches()


def recordings() -> tuple[Path, ...]:
    """Folders of the recordings ``oom`` and ``pagecache``.

    Those of ``BUDDYSIM_ORACLE`` or, beside a checkout, of ``shared/oracle``; else the one of them
    that a checkout ships; none in an installed package.
    """
    oracle = Path(os.environ.get("BUDDYSIM_ORACLE", _CHECKOUT.parent / "shared" / "oracle"))
    found = [oracle / "ftrace" / "oom", oracle / "ftrace" / "pagecache"]
    if not all((folder / _TEXT).is_file() for folder in found):
        found = [_CHECKOUT / "traces" / "oom-6.12"]
    return tuple(folder for folder in found if (folder / _TEXT).is_file())


def recording_races() -> Iterator[Race]:
    """Each recording on its own machine, and on one with memory to spare, in the replay loop; and
    its compressed text from file to report, whole process."""
    for folder in recordings():
        for place, spec in (
            ("own machine", None),
            (format_bytes(_MACHINE), MachineSpec.from_mem(_MACHINE, profile="6.12")),
        ):
            for placement, findings in _WAYS if spec is None else _WAYS[:2]:
                config = ReplayConfig(machine_spec=spec, placement=placement)
                yield Race(
                    group="recordings",
                    name=f"{folder.name}, {place}, {told_way(placement, findings=findings)}",
                    unit="events/s",
                    work=1,
                    yardstick=BOUND,
                    prepare=partial(_prepare, folder, config, findings),
                )
        yield Race(
            group="recordings",
            name=f"{folder.name}, zstd text to report",
            unit="lines/s",
            work=1,
            yardstick=REGEX,
            prepare=partial(_prepare_report, folder),
        )


def _prepare(source: Path, config: ReplayConfig, findings: bool, folder: Path) -> tuple[Run, Run]:
    path = str(_packed(source, folder))
    plan, rows = _as_plan(path)
    bound = bound_run(plan, _BOUND_MEM)
    return (
        lambda: replay_seconds(_ClockedTrace(path), config, findings=findings) / rows,
        lambda: bound() / plan.events,
    )


@lru_cache(maxsize=1)
def _as_plan(path: str) -> tuple[AllocPlan, int]:
    """The plan of a recording, and the recording's rows."""
    trace = open_trace(path)
    return plan_of(trace), sum(map(len, trace.batches()))


def _packed(source: Path, folder: Path) -> Path:
    """The recording in the packed format, beside a copy of what tells of its machine."""
    copy = folder / source.name
    packed = copy / "trace.bst"
    if not packed.exists():
        shutil.copytree(source, copy)
        write_trace(open_trace(str(copy / _TEXT)), str(packed))
    return packed


def plan_of(trace: Trace) -> AllocPlan:
    """What a recording took and gave back; frees of blocks it did not take are left out."""
    plan = AllocPlan.empty()
    slots: dict[int, int] = {}
    for batch in trace.batches():
        for kind, pfn, order, gfp in zip(
            batch.kind, batch.pfn, batch.order, batch.gfp, strict=True
        ):
            if kind == _ALLOC and pfn >= 0:
                slots[pfn] = plan.nr_slots
                plan.add(order, plan.nr_slots, gfp)
                plan.nr_slots += 1
            elif kind == _FREE and pfn in slots:
                plan.add(FREE, slots.pop(pfn), 0)
    return plan


def _prepare_report(source: Path, folder: Path) -> tuple[Run, Run]:
    text = source / _TEXT
    trace = open_trace(str(text))
    for _batch in trace.batches():
        pass
    return report_run(text, folder, trace.meta.lines), regex_run(folder, "lines/s")

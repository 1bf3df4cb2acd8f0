"""Walks a trace event by event and keeps what each one did to the free lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from buddysim.kernel.gfp import format_names
from buddysim.lesson.step import Step, why_failed, why_freed, why_worked
from buddysim.mm.machine import Machine
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import ZoneFrame, look_at
from buddysim.source.event import EventBatch, EventKind, Tables

__all__ = ["STEPS_MAX", "Walk"]

STEPS_MAX = 5_000
"""Events kept step by step; a longer trace is walked this far."""

_FREES = (EventKind.FREE, EventKind.FREE_BATCHED)


class Walk:
    """A watcher (``replay.film``) that looks after every event and stops after ``limit``."""

    every = 1

    def __init__(self, tables: Tables, handles: Sequence[str] = (), limit: int = STEPS_MAX) -> None:
        self._taken: list[Step] = []
        self._tables = tables
        self._handles = handles
        self._limit = limit
        self._lists: tuple[ZoneFrame, ...] = ()

    def begin(self, machine: Machine) -> None:
        """The start state."""
        self._lists = _look(machine)

    def after(self, machine: Machine, piece: EventBatch) -> bool:
        """Keep the event that was just played."""
        before, self._lists = self._lists, _look(machine)
        kind, order = EventKind(piece.kind[0]), piece.order[0]
        self._taken.append(
            Step(
                number=piece.first,
                line=piece.line[0],
                time_ns=piece.time_ns[0],
                profile=machine.profile.name,
                caller=self._tables.callers[piece.caller[0]],
                text=self._text(piece, kind, machine.profile.gfp_era),
                is_request=kind is EventKind.ALLOC,
                order=order,
                gfp=piece.gfp[0],
                failed=False,
                cause="",
                before=before,
                after=self._lists,
                why=_why(kind, order, before, self._lists),
            )
        )
        return len(self._taken) < self._limit

    def steps(self, failures: Iterable[FailureRow]) -> list[Step]:
        """Every event walked, with what the run knows about the requests that failed."""
        by_event: dict[int, FailureRow] = {}
        for failure in failures:
            by_event.setdefault(failure.event, failure)
        return [_told(step, by_event.get(step.number)) for step in self._taken]

    def _text(self, piece: EventBatch, kind: EventKind, era: str) -> str:
        handle = piece.handle[0]
        if 0 <= handle < len(self._handles):
            name = f" {self._handles[handle]}"
        else:
            name = f" pfn {piece.pfn[0]:#x}" if piece.pfn[0] >= 0 else ""
        if kind is EventKind.ALLOC:
            mask = format_names(piece.gfp[0], era)
            return f"alloc{name} order={piece.order[0]} gfp={mask}"
        if kind in _FREES:
            return f"free{name}" if handle >= 0 else f"free{name} order={piece.order[0]}"
        return f"{kind.name.lower()}{name}"


def _look(machine: Machine) -> tuple[ZoneFrame, ...]:
    return tuple(look_at(zone) for zone in machine.zones if zone.managed)


def _why(
    kind: EventKind, order: int, before: tuple[ZoneFrame, ...], after: tuple[ZoneFrame, ...]
) -> tuple[str, ...]:
    if kind is EventKind.ALLOC:
        return why_worked(order, before, after)
    if kind in _FREES:
        return why_freed(before, after)
    return ("it asks nothing of the allocator",)


def _told(step: Step, failure: FailureRow | None) -> Step:
    if failure is None:
        return step
    why = why_failed(failure, step.before)
    if [zone.nr_free for zone in step.before] != [zone.nr_free for zone in step.after]:
        why += ("what changed in the lists came afterwards: reclaim, or what the caller did next",)
    return replace(step, failed=True, cause=failure.cause, why=why)

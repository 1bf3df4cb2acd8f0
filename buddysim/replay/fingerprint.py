"""Everything a Python scenario can see of its own past, as one digest.

Two runs with equal fingerprints go on alike, as far as the callers are concerned: the digest has
who is due when, the frames of waiting calls, globals, and the memory that these can reach.  Of
memory that nobody can reach any more only the amount could matter, and it does where it is more
than the run could spare.  What cannot be read reliably gives no fingerprint at all.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from types import BuiltinFunctionType, FunctionType, GeneratorType, ModuleType
from typing import Any

from buddysim.caller.declaration import ATTRIBUTE, CallerSpec, Trigger
from buddysim.caller.handle import Handle
from buddysim.replay.mm_api import KmemCache, Mm
from buddysim.replay.schedule import Schedule, Task
from buddysim.replay.territory import PLAIN, Territory

__all__ = ["CALLS_AHEAD", "Eyes", "start_print"]

_NODES = 4000
"""Objects looked at before the state counts as too large to compare."""
_UNCHANGING = frozenset(PLAIN)
_RESTLESS = frozenset({"random", "secrets", "time", "uuid"})
"""Modules with a state of their own."""
CALLS_AHEAD = 8
"""Calls of a caller still to come that make a difference to one call of another."""


class _Opaque(Exception):
    """Something whose state cannot be read, or too much of it."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """How closely a scenario's state is looked at."""

    spare: int = 0
    """Pages that may be lost without any request noticing."""
    machine: bool = False
    """Free memory counts too: where requests fail without being made to."""

    def look(self, schedule: Schedule) -> bytes | None:
        """Digest of globals, waiting calls and held memory; None when not readable.

        O(objects reachable), at most some thousand.
        """
        walk = _Walk(schedule)
        try:
            parts = list(walk.everything())
        except (_Opaque, RecursionError):
            return None
        stage = schedule.stage
        lost = sum(stage.run.loop.live_pages) - walk.reached_pages
        parts.append(lost if lost > self.spare else 0)
        if self.machine or stage.looked_around:
            for zone in stage.run.machine.zones:
                parts += [zone.free, zone.free_pcp, *zone.nr_free]
        return blake2b(repr(parts).encode(), digest_size=16).digest()


def start_print(schedule: Schedule, task: Task, place: Territory) -> bytes | None:
    """Digest of what the call that begins now can depend on, times relative to now.

    Of a caller that shares nothing: its globals and its own calls that wait.  Of a plain function,
    which runs without interruption: the globals in its reach.  Else everything counts, also who is
    due when.  None when not readable.
    """
    walk = _Walk(schedule)
    name = task.spec.name
    try:
        if place.is_private:
            parts = [*walk.calls_of(name), *walk.globals_of(place.names)]
        elif place.is_whole:
            parts = [*walk.heap(), *walk.globals_of(None)]
        else:
            parts = list(walk.globals_of(place.names))
    except (_Opaque, RecursionError):
        return None
    return blake2b(repr((name, parts)).encode(), digest_size=16).digest()


class _Walk:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.held = schedule.stage.held
        self.seen: dict[int, int] = {}
        self.alive: list[object] = []
        self.nodes = 0
        self.reached_pages = 0
        """Live pages behind the handles met."""

    def everything(self) -> Iterator[object]:
        for task in sorted(self.schedule.heap):
            yield task.time_ns, task.priority, task.spec.name, task.left
            yield from self._waiting(task)
        yield from self.globals_of(None)

    def _waiting(self, task: Task) -> Iterator[object]:
        """The frame of a call that waits, and what is on the books about its failures."""
        if task.body is None or task.act is None:
            return
        yield self.value(task.body)
        act, episodes = task.act, self.schedule.stage.facts.episodes
        yield act.retrying >= 0, [word for word, _since in act.sections]
        yield [episodes[number].line for number in (*act.pending, *act.episodes[-1:])]

    def heap(self) -> Iterator[object]:
        """Who is due when, relative to now."""
        now = self.schedule.stage.run.machine.clock_ns
        for task in sorted(self.schedule.heap):
            left = min(task.left, CALLS_AHEAD)
            yield task.time_ns - now, task.priority, task.spec.name, left
            yield from self._waiting(task)

    def calls_of(self, name: str) -> Iterator[object]:
        """When a caller is due, relative to now; how many calls are left makes no difference."""
        now = self.schedule.stage.run.machine.clock_ns
        for task in sorted(self.schedule.heap):
            if task.spec.name == name:
                yield task.time_ns - now
                yield from self._waiting(task)

    def globals_of(self, names: AbstractSet[str] | None) -> Iterator[object]:
        """The scenario's globals: those named, or all."""
        for name, each in vars(self.schedule.scenario.module).items():
            if not name.startswith("__") and (names is None or name in names):
                yield name, self.value(each)

    def value(self, each: Any) -> object:
        """A nested tuple that is equal for equal state."""
        if type(each) in _UNCHANGING or isinstance(each, PLAIN):
            return each
        self.nodes += 1
        if self.nodes > _NODES:
            raise _Opaque
        if isinstance(each, (BuiltinFunctionType, Mm, CallerSpec, Trigger)):
            return type(each).__name__
        if isinstance(each, ModuleType):
            package = each.__name__.partition(".")[0]
            if package not in sys.stdlib_module_names or package in _RESTLESS:
                raise _Opaque
            return each.__name__
        if id(each) in self.seen:
            return "again", self.seen[id(each)]
        self.seen[id(each)] = len(self.seen)
        self.alive.append(each)  # an id must not be used again while we walk
        return self._structure(each)

    def _structure(self, each: Any) -> object:
        if isinstance(each, Handle):
            held = self.held[each.serial]
            self.reached_pages += held.nr_pages if held.freed is None else 0
            return "handle", each.order, held.freed is None
        if isinstance(each, (list, tuple, deque)):
            return type(each).__name__, [self.value(item) for item in each]
        if isinstance(each, dict):
            return [(self.value(key), self.value(item)) for key, item in each.items()]
        if isinstance(each, (set, frozenset)):
            return sorted(repr(self.value(item)) for item in each)
        if isinstance(each, FunctionType):
            plain = not (each.__closure__ or each.__defaults__ or each.__kwdefaults__)
            if plain and vars(each).keys() <= {ATTRIBUTE}:
                return each.__qualname__
            cells = [self.value(cell.cell_contents) for cell in each.__closure__ or ()]
            own = {name: item for name, item in vars(each).items() if name != ATTRIBUTE}
            return (
                each.__qualname__,
                cells,
                self.value([each.__defaults__, each.__kwdefaults__, own]),
            )
        if isinstance(each, GeneratorType):
            return self._generator(each)
        if isinstance(each, type):
            return self._class(each)
        if isinstance(each, KmemCache):
            return each.name
        if hasattr(each, "__dict__"):
            return type(each).__name__, self.value(vars(each))
        raise _Opaque

    def _generator(self, each: GeneratorType[Any, Any, Any]) -> object:
        frame = each.gi_frame
        if frame is None:
            return "done"
        inner = each.gi_yieldfrom
        locals_ = {name: item for name, item in frame.f_locals.items() if item is not inner}
        return frame.f_lasti, self.value(locals_), self.value(inner)

    def _class(self, each: type) -> object:
        if each.__module__ != self.schedule.scenario.module.__name__:
            return each.__name__
        own = {
            name: item
            for name, item in vars(each).items()
            if not name.startswith("__")
            and isinstance(item, (*PLAIN, list, dict, set, tuple, deque, Handle))
        }
        return each.__name__, self.value(own)

"""Everything a Python scenario can see of its own past, as one digest.

Two runs that are in the same place with equal fingerprints go on alike, as far as the callers are
concerned.  What cannot be read reliably gives no fingerprint at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from hashlib import blake2b
from types import BuiltinFunctionType, FunctionType, GeneratorType, ModuleType
from typing import Any

from buddysim.caller.declaration import CallerSpec
from buddysim.caller.handle import Handle
from buddysim.replay.mm_api import KmemCache, Mm
from buddysim.replay.schedule import Schedule

__all__ = ["fingerprint"]

_NODES = 600
_PLAIN = (int, float, str, bytes, bool, type(None), complex)


class _Opaque(Exception):
    """Something whose state cannot be read, or too much of it."""


def fingerprint(schedule: Schedule) -> bytes | None:
    """Digest of the scenario's globals, waiting calls and held pages; None when not readable.

    O(objects reachable), at most some hundred.
    """
    walk = _Walk(schedule)
    try:
        parts = list(walk.everything())
    except (_Opaque, RecursionError):
        return None
    return blake2b(repr(parts).encode(), digest_size=16).digest()


class _Walk:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.held = schedule.stage.held
        self.seen: dict[int, int] = {}
        self.nodes = 0

    def everything(self) -> Iterator[object]:
        stage = self.schedule.stage
        yield stage.run.machine.clock_ns
        yield list(stage.run.loop.live_pages)
        for task in sorted(self.schedule.heap):
            yield task.time_ns, task.priority, task.spec.name, task.left
            if task.body is not None:
                yield self.value(task.body)
        for name, each in vars(self.schedule.scenario.module).items():
            if not name.startswith("__"):
                yield name, self.value(each)

    def value(self, each: Any) -> object:
        """A nested tuple that is equal for equal state."""
        self.nodes += 1
        if self.nodes > _NODES:
            raise _Opaque
        if isinstance(each, _PLAIN):
            return each
        if isinstance(each, (ModuleType, BuiltinFunctionType, Mm, CallerSpec)):
            return type(each).__name__
        if id(each) in self.seen:
            return "again", self.seen[id(each)]
        self.seen[id(each)] = len(self.seen)
        return self._structure(each)

    def _structure(self, each: Any) -> object:
        if isinstance(each, Handle):
            return "handle", each.order, self.held[each.serial].freed is None
        if isinstance(each, (list, tuple, deque)):
            return type(each).__name__, [self.value(item) for item in each]
        if isinstance(each, dict):
            return [(self.value(key), self.value(item)) for key, item in each.items()]
        if isinstance(each, (set, frozenset)):
            return sorted(repr(self.value(item)) for item in each)
        if isinstance(each, FunctionType):
            cells = [self.value(cell.cell_contents) for cell in each.__closure__ or ()]
            return each.__qualname__, cells, self.value(each.__defaults__)
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
            and isinstance(item, (*_PLAIN, list, dict, set, tuple, deque, Handle))
        }
        return each.__name__, self.value(own)

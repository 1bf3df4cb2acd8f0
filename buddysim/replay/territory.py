"""Which of a scenario's globals each caller can reach, and who shares them with nobody.

Read from the code: the names that a caller's body and invariants mention, and those that what they
call mentions.  A caller that can get at everything (``globals()``, ``eval``, a closure) counts as
reaching everything.
"""

from __future__ import annotations

import dis
from collections import deque
from collections.abc import Iterable, Iterator
from inspect import isgeneratorfunction
from types import CodeType, FunctionType, ModuleType
from typing import Any

from buddysim.caller.declaration import CallerSpec, Trigger
from buddysim.replay.scenario import Scenario

__all__ = ["PLAIN", "Territory", "territories"]

PLAIN = (int, float, str, bytes, bool, type(None), complex)
"""Values that never change."""
_ANYWHERE = frozenset({"eval", "exec", "getattr", "globals", "setattr", "vars", "__import__"})
_CONTAINERS = (list, tuple, set, frozenset, deque)


class Territory:
    """``names``: globals in reach, None for all.  ``is_private``: nobody else can change them."""

    def __init__(self, spec: CallerSpec, module: ModuleType) -> None:
        self.waits = isgeneratorfunction(spec.body)
        self.names = _names_of((spec.body, *spec.invariants), vars(module))
        self.is_private = False

    @property
    def is_whole(self) -> bool:
        """Can what happens in a call of it depend on everything?"""
        return self.names is None or (self.waits and not self.is_private)


def territories(scenario: Scenario) -> dict[str, Territory]:
    """By caller.  O(size of the code + objects in reach)."""
    found = {spec.name: Territory(spec, scenario.module) for spec in scenario.callers}
    places = list(found.values())
    if any(place.names is None for place in places):
        return found
    values = vars(scenario.module)
    rebound = _rebound(values)
    objects = [set(_objects(values, place.names or ())) for place in places]
    for number, place in enumerate(places):
        others = [at for at in range(len(places)) if at != number]
        place.is_private = not any(
            _meet(place, places[at], values, rebound) or objects[number] & objects[at]
            for at in others
        )
    return found


def _meet(one: Territory, two: Territory, values: dict[str, Any], rebound: set[str]) -> bool:
    """Do two callers share a name through which one could tell the other something?"""
    assert one.names is not None
    assert two.names is not None
    return any(name in rebound or not _is_constant(values[name]) for name in one.names & two.names)


def _is_constant(value: Any) -> bool:
    if isinstance(value, type):
        return value.__module__ == "builtins" or issubclass(value, BaseException)
    if isinstance(value, FunctionType):
        return not value.__closure__ and all(
            isinstance(each, PLAIN) for each in value.__defaults__ or ()
        )
    return isinstance(value, (*PLAIN, ModuleType, Trigger))


def _rebound(values: dict[str, Any]) -> set[str]:
    """Names that some function assigns with ``global``."""
    found: set[str] = set()
    for code in _codes(values.values()):
        for step in dis.get_instructions(code):
            if step.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
                found.add(step.argval)
    return found


def _codes(values: Iterable[Any]) -> Iterator[CodeType]:
    todo: list[Any] = list(values)
    while todo:
        each = todo.pop()
        if isinstance(each, FunctionType):
            todo.append(each.__code__)
        elif isinstance(each, CodeType):
            yield each
            todo += each.co_consts
        elif isinstance(each, type):
            todo += [item for item in vars(each).values() if isinstance(item, FunctionType)]


def _names_of(roots: Iterable[Any], module: dict[str, Any]) -> frozenset[str] | None:
    """Globals that functions mention, and those that these mention in turn."""
    names: set[str] = set()
    todo: list[Any] = list(roots)
    done: set[int] = set()
    while todo:
        each = todo.pop()
        if id(each) in done:
            continue
        done.add(id(each))
        if isinstance(each, FunctionType):
            if each.__closure__:
                return None
            each = each.__code__
        if isinstance(each, CodeType):
            if not _ANYWHERE.isdisjoint(each.co_names):
                return None
            todo += [const for const in each.co_consts if isinstance(const, CodeType)]
            fresh = [name for name in each.co_names if name in module and name not in names]
            names.update(fresh)
            todo += [module[name] for name in fresh]
        elif not isinstance(each, (*PLAIN, ModuleType, Trigger)):
            todo += _parts(each, module["__name__"])
    return frozenset(names)


def _parts(value: Any, module: str) -> list[Any]:
    """What a value can lead to: its items, its attributes, the methods of its class."""
    if isinstance(value, _CONTAINERS):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, type):
        if value.__module__ != module:
            return []
        return [*value.__bases__, *vars(value).values()]
    if isinstance(value, property):
        return [value.fget, value.fset]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    return [type(value), *getattr(value, "__dict__", {}).values()]


def _objects(values: dict[str, Any], names: Iterable[str]) -> Iterator[int]:
    """Identities of everything changeable behind some names."""
    todo = [values[name] for name in names]
    done: set[int] = set()
    while todo:
        each = todo.pop()
        if id(each) in done or isinstance(each, (*PLAIN, ModuleType, FunctionType, Trigger)):
            continue
        done.add(id(each))
        if isinstance(each, type):
            if not _is_constant(each) and each.__module__ == values["__name__"]:
                yield id(each)
            continue
        yield id(each)
        todo += _parts(each, "")

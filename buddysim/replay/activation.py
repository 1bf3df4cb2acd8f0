"""One call of a Python caller, and one piece of memory it holds."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from buddysim.caller.declaration import CallerSpec
from buddysim.caller.handle import Handle
from buddysim.replay.outcome import FirstSeen

__all__ = ["Activation", "Held", "StoppedCaller"]


class StoppedCaller(BaseException):
    """Raised in a caller that would go on for ever; not for ``except Exception`` to catch."""


@dataclass(slots=True)
class Held:
    """Memory behind a handle.  Knows the handle only weakly, to see when its owner loses it."""

    name: str
    caller: int
    order: int
    nr_pages: int
    allocated: FirstSeen
    handle: weakref.ref[Handle]
    release: Callable[[], None]
    freed: FirstSeen | None = None


@dataclass(slots=True)
class Activation:
    """A call from its first line to its last, with what failed in it and what it took."""

    spec: CallerSpec
    caller: int
    serial: int
    """Number of the call in this run, from 0."""
    begun: FirstSeen
    episodes: list[int] = field(default_factory=list)
    """Failures in it: indexes into the story's episodes."""
    pending: list[int] = field(default_factory=list)
    """Those it has not coped with yet."""
    members: list[Held] = field(default_factory=list)
    sections: list[tuple[str, FirstSeen]] = field(default_factory=list)
    retrying: int = -1
    """Episode whose request may be repeated next; -1 when something else came between."""
    return_line: int = 0
    """Where it returned, or last waited, after a failure; 0 when not known."""
    is_watched: bool = False

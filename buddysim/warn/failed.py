"""One failed allocation, as warning policies are told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from buddysim.mm.failure import ZoneTry

__all__ = ["FailedAllocation"]


@dataclass(frozen=True, slots=True)
class FailedAllocation:
    """``gfp``: canonical mask.  ``time_ns``: since boot.  ``zones``: the last look at each zone of
    the request, possibly empty.  ``frames``: its stack, innermost first, empty when unknown."""

    order: int
    gfp: int
    caller: str
    comm: str
    cause: str
    time_ns: int
    pid: int = 0
    cpu: int = 0
    context: int = 0
    injected: bool = False
    frames: Sequence[str] = ()
    zones: Sequence[ZoneTry] = ()

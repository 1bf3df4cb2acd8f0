"""One failed request of a replay, with the last look at the zones it could use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FailureRow", "Holding", "ZoneLook"]


@dataclass(frozen=True, slots=True)
class ZoneLook:
    """The last look at one zone for a failed request, in pages."""

    name: str
    node: int
    free: int
    mark: int
    reserve: int
    unusable: int
    missing: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Pages that somebody held at one moment."""

    caller: str
    """A caller's name, or one in parentheses for what no caller of the trace holds."""
    pages: int
    blocks: int = 0
    """Of the places looked at, those with such a page in it."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failed request."""

    event: int
    line: int
    time_ns: int
    caller: str
    task: str
    order: int
    gfp: int
    context: int
    cause: str
    origin: str
    """``natural``, ``injected`` or ``observed``."""
    warned: str
    """``printed``, ``suppressed``, ``nowarn``, ``none``."""
    plausibility: str = ""
    """For an injected failure: could it have failed naturally then?"""
    nth_of_caller: int = 0
    """This was the caller's n-th request, from 1 (what ``--fault caller=...,nth=N`` counts)."""
    zones: tuple[ZoneLook, ...] = ()
    holders: tuple[Holding, ...] = ()
    """Who held the pages of the zones it could use, the most first; of a run's first failures."""
    in_the_way: tuple[Holding, ...] = ()
    """Where memory was fragmented: whose pages stood in the places nearest to being a block of
    its order."""

"""What an exploration was asked to do and what it brought home: plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from buddysim.errors import ConfigError
from buddysim.replay.outcome import RunResult
from buddysim.replay.prng import Stream

__all__ = [
    "SCHEDULES",
    "Attempt",
    "Coverage",
    "Exploration",
    "ExploreOptions",
    "Judge",
    "Point",
    "Progress",
    "choose_points",
]

SCHEDULES = ("transient", "persistent")

Judge = Callable[[RunResult], Any]
"""Turns a finished run into something that pickles; may run in a process of its own."""
Progress = Callable[[int, int], None]
"""Told (runs done, runs in all)."""


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """How to explore.  ``strategy``: nth, site or random:N."""

    strategy: str = "nth"
    caller: str = "*"
    limit: int = 0
    """Failure points at most; 0 = all."""
    jobs: int = 1
    until_first: bool = False
    horizon: int = 1000
    """Operations a run is followed for after the failing call has ended."""
    schedules: tuple[str, ...] = SCHEDULES
    seed: int = 0

    @property
    def is_complete(self) -> bool:
        """Is every allocation failed, so that one run may rely on another's?"""
        return self.strategy == "nth" and self.caller == "*" and not self.limit


@dataclass(frozen=True, slots=True)
class Point:
    """One allocation that may be failed."""

    number: int
    """Of all requests that may fail, from 1: what ``--fault nth:N`` counts."""
    caller: str
    nth: int
    """Of the caller's requests, from 1: what ``--fault caller=...,nth=N`` counts."""
    line: int
    order: int
    gfp: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed allocation followed to its verdict."""

    point: Point
    schedule: str
    judged: Any
    """What the judge made of the run."""
    plausibility: str = ""
    followed: int = 0
    """Operations after the failure."""
    end: str = ""
    """``converged at once`` (when the call ended), ``converged``, ``joined`` an earlier failure's
    run, ``horizon``, ``end`` of the scenario, or ``equal`` to an earlier failure."""
    trouble: str = ""
    """Why there is no verdict."""


@dataclass(slots=True)
class Coverage:
    """How much of one caller's requests was failed."""

    points: int = 0
    failed_points: int = 0
    runs: int = 0


@dataclass(slots=True)
class Exploration:
    """All of it.  ``points``: every allocation of the run without faults."""

    baseline: RunResult
    options: ExploreOptions
    points: list[Point] = field(default_factory=list)
    """Empty for a recording, which has too many: see ``counted``."""
    attempts: list[Attempt] = field(default_factory=list)
    """Of a recording: those that showed something new."""
    counted: dict[str, Coverage] = field(default_factory=dict)
    """Of a recording: coverage by caller."""
    counted_ends: dict[str, int] = field(default_factory=dict)
    """Of a recording: runs by how they ended."""
    unstable: dict[str, str] = field(default_factory=dict)
    """Callers that allocate differently in two runs without faults -> how."""
    interrupted: bool = False

    def ends(self) -> dict[str, int]:
        """Runs by how they ended."""
        counts = Counter(attempt.end for attempt in self.attempts if attempt.end)
        return dict(sorted((self.counted_ends or counts).items()))

    def coverage(self) -> dict[str, Coverage]:
        """By caller.  O(points + attempts)."""
        if self.counted:
            return self.counted
        found: dict[str, Coverage] = {}
        for point in self.points:
            found.setdefault(point.caller, Coverage()).points += 1
        failed = set()
        for attempt in self.attempts:
            found.setdefault(attempt.point.caller, Coverage()).runs += 1
            failed.add((attempt.point.caller, attempt.point.number))
        for caller, _number in failed:
            found[caller].failed_points += 1
        return found


def choose_points(points: Sequence[Point], options: ExploreOptions) -> list[Point]:
    """The points to fail, in order.  Raises ConfigError for an unknown strategy."""
    chosen = [point for point in points if fnmatchcase(point.caller, options.caller)]
    word, colon, number = options.strategy.partition(":")
    if word == "site":
        first: dict[tuple[str, int], Point] = {}
        for point in chosen:
            first.setdefault((point.caller, point.line), point)
        chosen = list(first.values())
    elif word == "random" and colon and number.isdecimal():
        stream = Stream(options.seed, "explore")
        pool = list(chosen)
        picks = [pool.pop(stream.below(len(pool))) for _ in range(min(int(number), len(pool)))]
        chosen = sorted(picks, key=lambda point: point.number)
    elif options.strategy != "nth":
        raise ConfigError(f"--strategy {options.strategy}", expected="nth, site or random:N")
    return chosen[: options.limit] if options.limit else chosen

"""A measurement: one thing and its yardstick, run in turns so that both meet the same machine."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

__all__ = ["Race", "Row", "Run", "Unavailable", "run_race"]


class Unavailable(Exception):
    """What a race needs is not there; it is left out, and the message says why."""


Run = Callable[[], float]
"""Does the work once; the figure: seconds it took, or bytes it needed."""


@dataclass(frozen=True)
class Race:
    """What will be measured.  Making one costs nothing; ``prepare`` does."""

    group: str
    name: str
    unit: str
    """``.../s``: work done per second, more is better; ``s``, ``ns/event``, ``MB``: less is."""
    work: float
    """Units of one run; the figure is work / seconds, or seconds (bytes) / work."""
    yardstick: str
    """What it is held against; empty when there is nothing to hold it against."""
    prepare: Callable[[Path], tuple[Run, Run | None]]
    """Given a folder for files: the thing and the yardstick, ready to run.  May raise
    Unavailable."""
    yardstick_work: float = 0.0
    """Units of one run of the yardstick; 0 = as many as ours."""
    note: str = ""
    """What a reader of the figure must know."""

    @property
    def better(self) -> Literal["higher", "lower"]:
        """Which way of the figure is good."""
        return "higher" if self.unit.endswith("/s") else "lower"


@dataclass(frozen=True)
class Row:
    """The outcome of one race: medians over the repetitions."""

    group: str
    name: str
    value: float
    unit: str
    better: str
    yardstick: str
    yardstick_value: float
    """0 without a yardstick."""
    ratio: float
    """``value / yardstick_value``, the median over pairs run one after the other; 0 without."""
    repeats: int
    note: str = ""


def run_race(race: Race, folder: Path, repeats: int) -> Row:
    """Run thing and yardstick ``repeats`` times in turns.  ``folder`` takes files.

    Raises Unavailable, and what the race raises.
    """
    thing, yardstick = race.prepare(folder)
    values: list[float] = []
    held: list[float] = []
    for _ in range(repeats):
        gc.collect()
        values.append(_figure(race, thing(), race.work))
        if yardstick is not None:
            gc.collect()
            held.append(_figure(race, yardstick(), race.yardstick_work or race.work))
    ratios = [value / other for value, other in zip(values, held, strict=False) if other]
    return Row(
        group=race.group,
        name=race.name,
        value=median(values),
        unit=race.unit,
        better=race.better,
        yardstick=race.yardstick if held else "",
        yardstick_value=median(held) if held else 0.0,
        ratio=median(ratios) if ratios else 0.0,
        repeats=repeats,
        note=race.note,
    )


def _figure(race: Race, amount: float, work: float) -> float:
    if race.better == "higher":
        return work / amount if amount else 0.0
    return amount / work

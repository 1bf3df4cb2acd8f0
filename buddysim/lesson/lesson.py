"""What a lesson is: something to run, words about it, claims that are checked, exercises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from buddysim.replay.outcome import RunResult

__all__ = ["Claim", "Exercise", "Lesson", "Observation", "Table"]


@dataclass(frozen=True)
class Table:
    """Numbers to show; every row has one cell a column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: row {row} for columns {self.columns}")


@dataclass(frozen=True)
class Observation:
    """What came out of playing a lesson.

    ``numbers`` holds what claims speak about, by name; ``runs`` the results of replayed scenarios.
    """

    numbers: Mapping[str, float]
    tables: tuple[Table, ...]
    runs: Mapping[str, RunResult] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A sentence about the observation, and the test that it is true.

    ``text`` may name numbers in braces; they are filled in when the claim is shown.
    """

    text: str
    holds: Callable[[Mapping[str, float]], bool]

    def shown(self, numbers: Mapping[str, float]) -> str:
        """The sentence with its numbers."""
        return self.text.format_map({name: _plain(value) for name, value in numbers.items()})


@dataclass(frozen=True)
class Exercise:
    """A question to think about, and a command or a hint that answers it."""

    question: str
    hint: str


@dataclass(frozen=True)
class Lesson:
    """One lesson.  ``scenario`` names the file that --step, --quiz and --live use."""

    number: int
    name: str
    title: str
    text: str
    """Paragraphs separated by blank lines."""
    play: Callable[[], Observation]
    claims: tuple[Claim, ...]
    exercises: tuple[Exercise, ...]
    scenario: str


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"

"""A finding: one rule's claim about one caller, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Evidence", "Finding", "Origin", "Severity"]


class Severity(StrEnum):
    """Ordered by weight: note < warning < error."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """0, 1, 2; for ``--fail-on`` comparisons."""
        return ("note", "warning", "error").index(self.value)


class Origin(StrEnum):
    """Where the failure behind a finding came from."""

    NATURAL = "natural"
    INJECTED = "injected"
    OBSERVED = "observed"  # in the recording itself


class Evidence(NamedTuple):
    """One event a claim rests on."""

    event: int
    line: int
    time_ns: int
    what: str


@dataclass(frozen=True)
class Finding:
    """``code`` and ``name`` are permanent (``BS106``, ``swallowed-failure``)."""

    code: str
    name: str
    severity: Severity
    caller: str
    origin: Origin
    message: str
    evidence: tuple[Evidence, ...] = ()
    repro: str = ""
    plausibility: str = ""
    """For an injected failure: could that request have failed naturally then?"""
    path: str = ""
    """Source file of the caller (Python callers, scripts); empty for recordings."""
    extra: dict[str, object] = field(default_factory=dict)

"""All that is known of callers with a plan; empty for recordings, which import nothing for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buddysim.replay.story import Episode, Misuse, SectionBreach, TransactionFact, Violation

__all__ = ["StoryFacts"]


@dataclass(slots=True)
class StoryFacts:
    """All of it.  ``is_story`` is False for recordings."""

    is_story: bool = False
    episodes: list[Episode] = field(default_factory=list)
    misuses: list[Misuse] = field(default_factory=list)
    transactions: list[TransactionFact] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    breaches: list[SectionBreach] = field(default_factory=list)
    fallback_callers: tuple[str, ...] = ()
    """Callers whose declared actions contain a smaller or scattered attempt."""
    open_transactions: int = 0
    skipped_operations: int = 0
    """Operations not carried out because their handle was dropped or their work had ended."""

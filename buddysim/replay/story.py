"""What callers with a plan did after a failure: facts that rules judge, in order of time.

Filled in by the engine for hand-written traces and by the scheduler for Python callers, and kept
in :class:`~buddysim.replay.story_facts.StoryFacts`.  Facts name states and deeds, never a finding's
code: judging is the rules' work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Episode", "Misuse", "SectionBreach", "TransactionFact", "Violation"]


@dataclass(slots=True)
class Episode:
    """One failed request and what its caller made of it."""

    number: int
    event: int
    line: int
    time_ns: int
    caller: str
    handle: str
    order: int
    gfp: int
    context: int
    origin: str
    """``natural``, ``injected`` or ``observed``."""
    plausibility: str = ""
    nth_of_caller: int = 0
    transaction: int = -1
    """Index into ``StoryFacts.transactions``; -1 = outside any."""
    attempts: int = 1
    """Requests made of the allocator for it, retries included."""
    endless: bool = False
    """It would have been retried for ever; the engine stopped it."""
    resolution: str = "ignored"
    """``retried``, ``fallback``, ``vmalloc``, ``dropped``, ``silently-dropped``, ``error``,
    ``succeeded-without``, ``ignored``; of Python callers also ``endless`` and ``open``."""
    errno: str = ""
    declared_errors: tuple[str, ...] = ()
    """Errors the caller declares beyond the usual ones."""
    counted: bool = False
    """The caller counted something (a drop) afterwards."""
    used: bool = False
    """The memory that was not there was used afterwards."""
    warned: bool = False
    """A warning for it was printed or only kept back by the rate limit: NOWARN was not set."""
    smaller_succeeded: bool = False
    """The caller's next request was smaller, and succeeded."""
    allocated_next: int = -1
    """Event of the next operation of the transaction, when that was another allocation."""
    allocated_next_line: int = 0
    has_fallback: bool = False
    """The declared actions contain a smaller or scattered attempt."""

    @property
    def recovered(self) -> bool:
        """The caller got memory after all."""
        return self.resolution in {"retried", "fallback", "vmalloc"} or self.smaller_succeeded


@dataclass(frozen=True, slots=True)
class Misuse:
    """An operation on a handle that is not in a state for it."""

    operation: str
    """``use`` or ``free``."""
    state: str
    """``failed``, ``freed``, ``live`` (freed with an order that does not fit)."""
    event: int
    line: int
    time_ns: int
    caller: str
    handle: str
    episode: int = -1
    """The failure behind it: index into ``StoryFacts.episodes``."""
    earlier_event: int = -1
    earlier_line: int = 0
    earlier_time_ns: int = 0
    """Where it was freed first, or allocated."""
    detail: str = ""


@dataclass(slots=True)
class TransactionFact:
    """A group of operations that a caller calls one piece of work."""

    name: str
    caller: str
    event: int
    line: int
    time_ns: int
    end_event: int = -1
    """-1: never ended."""
    end_line: int = 0
    end_time_ns: int = 0
    status: str = ""
    """``ok`` or an errno name; empty while open."""
    episodes: list[int] = field(default_factory=list)
    """Failures within it: indexes into ``StoryFacts.episodes``."""
    leaked: list[str] = field(default_factory=list)
    """Handles still live when it ended with an error."""
    leaked_pages: int = 0
    crash: str = ""
    """What a Python caller raised instead of an error code; ``status`` is then its kind."""
    declared_errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A declared invariant that did not hold."""

    expression: str
    event: int
    line: int
    time_ns: int
    caller: str
    episode: int = -1
    """The caller's latest failure before it; -1 = none."""
    values: str = ""


@dataclass(frozen=True, slots=True)
class SectionBreach:
    """A mask with more rights than the section it was used in."""

    section: str
    """``noio`` or ``nofs``."""
    event: int
    line: int
    time_ns: int
    caller: str
    gfp: int
    section_event: int
    section_line: int
    section_time_ns: int

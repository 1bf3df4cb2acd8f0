"""What the lines of a hand-written trace say, parsed: the side tables of a script."""

from __future__ import annotations

from dataclasses import dataclass, field

from buddysim.source.action import Action

__all__ = ["CallerDeclaration", "Fill", "MachineOptions", "Reclaimable", "Script", "Statement"]


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """``@machine``: sizes in bytes; ``sysctl`` holds NAME=VALUE texts in the order given."""

    mem: int = 0
    """0 = not given."""
    machine: str = ""
    """Path of a machine file; empty = not given."""
    profile: str = ""
    cpus: int = 1
    sysctl: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """``@fill``: take blocks until few pages are free, then give a share of them back."""

    order: int
    gfp: int
    """Canonical mask."""
    gfp_text: str
    until_free: int
    """Pages."""
    free: str = "none"
    """``none``, ``every2``, ``every4``, ..., ``random:P`` with P percent."""
    seed: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Reclaimable:
    """``@reclaimable``: page cache on the LRU; ``dirty`` in percent."""

    pages: int
    dirty: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class CallerDeclaration:
    """``@caller``: where a caller runs and what it does when an allocation fails."""

    name: str
    context: str = ""
    """A name of ``kernel.context.CONTEXT_BY_NAME``; empty = not told."""
    on_failure: tuple[Action, ...] = ()
    """Empty = says nothing, which is ``ignore``."""
    free_null: bool = True
    """Freeing what was never allocated is legal, as kfree(NULL) is."""
    errors: tuple[str, ...] = ()
    """Errors it may end with beyond ENOMEM, ENOBUFS and EAGAIN."""
    allow: tuple[str, ...] = ()
    """Codes of findings that are by design here."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """One timed line."""

    line: int
    time_ns: int
    caller: int
    """Index into ``Tables.callers``."""
    operation: str
    handle: int = -1
    """Index into ``Script.handles``."""
    order: int = 0
    order_given: bool = False
    gfp: int = 0
    gfp_text: str = ""
    cpu: int = 0
    repeat: int = 1
    actions: tuple[Action, ...] | None = None
    """``else=``; None = the caller's ``on_failure``."""
    part: int = -1
    """Piece of a block freed in parts; -1 = the whole block."""
    name: str = ""
    """Transaction, counter, section word or expression."""
    status: str = ""
    """``ok`` or an errno name (``end``)."""
    column: int = 0
    """Of an expression, from 1."""


@dataclass(slots=True)
class Script:
    """A whole script, parsed."""

    path: str
    profile: str
    machine: MachineOptions = field(default_factory=MachineOptions)
    prelude: list[Fill | Reclaimable] = field(default_factory=list)
    """In the order written."""
    declarations: dict[str, CallerDeclaration] = field(default_factory=dict)
    handles: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    callers: list[str] = field(default_factory=lambda: ["?"])
    lines: int = 0

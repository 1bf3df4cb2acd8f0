"""What a script's handles and transactions are while the story is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from buddysim.replay.outcome import FirstSeen
from buddysim.replay.story import TransactionFact

__all__ = ["Block", "Handle", "OpenTransaction"]


@dataclass(slots=True)
class Block:
    """One live block of a handle: its ledger key and order."""

    key: int
    order: int


@dataclass(slots=True)
class Handle:
    """One incarnation of a handle, from its alloc on."""

    name: str
    order: int
    caller: int
    allocated: FirstSeen
    transaction: OpenTransaction | None = None
    blocks: list[Block] = field(default_factory=list)
    failed_episode: int = -1
    """The failure that was ignored, so that using the handle is a null dereference; -1 = none."""
    gone: bool = False
    """Dropped, unwound or its work ended: later operations are skipped."""
    freed: FirstSeen | None = None
    parts: dict[int, FirstSeen] = field(default_factory=dict)
    """First page of each piece freed so far -> where."""
    first_key: int = -1
    """Ledger key of its first page; the pages of one request have consecutive keys."""

    @property
    def pages(self) -> int:
        """Pages still held."""
        return sum(1 << block.order for block in self.blocks)


@dataclass(slots=True)
class OpenTransaction:
    """One ``begin`` without its ``end`` yet."""

    index: int
    fact: TransactionFact
    members: list[Handle] = field(default_factory=list)
    ended: bool = False
    """An action ended it early: what the text still says of it is skipped."""
    awaiting: list[int] = field(default_factory=list)
    """Episodes whose next operation has not been seen yet."""

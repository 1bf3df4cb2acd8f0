"""What the machine asks of others: fault injection, reclaim, compaction, OOM, observers.

``mm`` defines the questions, higher rooms answer them.  The defaults here answer "nothing there":
no injection, nothing to reclaim, nothing to compact, nobody to kill.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.mm.request import Request

__all__ = [
    "CompactPriority",
    "CompactResult",
    "Compaction",
    "FaultGate",
    "Hooks",
    "Kswapd",
    "MigrationObserver",
    "NoCompaction",
    "NoFaults",
    "NoKswapd",
    "NoOom",
    "NoReclaim",
    "Oom",
    "Reclaim",
]


class CompactPriority(IntEnum):
    """How hard direct compaction tries (fact sheet 5.3); smaller is harder."""

    SYNC_FULL = 0
    SYNC_LIGHT = 1
    ASYNC = 2


class CompactResult(IntEnum):
    """Outcome of a compaction attempt, in the kernel's order of severity (fact sheet 8.4)."""

    SKIPPED = 1
    DEFERRED = 2
    COMPLETE = 5
    PARTIAL = 6
    SUCCESS = 8


class FaultGate(Protocol):
    """Fault injection at the allocator's entry (fact sheet 11)."""

    def should_fail(self, machine: Machine, request: Request) -> bool:
        """True to return NULL before the allocator does anything."""
        ...


class Reclaim(Protocol):
    """Direct reclaim."""

    def reclaim(self, machine: Machine, request: Request) -> int:
        """Free pages on behalf of a request; pages reclaimed (0 = no progress)."""
        ...

    def reclaimable(self, machine: Machine, node: int, zone_index: int) -> int:
        """Pages reclaim could still free in a zone."""
        ...


class Compaction(Protocol):
    """Direct compaction."""

    def compact(
        self, machine: Machine, request: Request, priority: CompactPriority
    ) -> CompactResult:
        """Try to make a free block of the request's order."""
        ...

    def deferred(self, machine: Machine, request: Request, success: bool) -> None:
        """Told after each attempt whether the allocation then worked (defer dynamics, 8.4)."""
        ...


class Oom(Protocol):
    """The OOM killer."""

    def kill(self, machine: Machine, request: Request) -> bool:
        """Kill someone and free their pages; True if that made progress."""
        ...


class Kswapd(Protocol):
    """Background reclaim."""

    def wake(self, machine: Machine, request: Request) -> None:
        """A slow path woke kswapd of every node of its zonelist."""
        ...


class MigrationObserver(Protocol):
    """Whoever keeps pfns of movable pages is told when compaction moves one."""

    def migrated(self, old_pfn: int, new_pfn: int) -> None:
        """The order-0 page at ``old_pfn`` now lives at ``new_pfn``."""
        ...


class NoFaults:
    """Injects nothing."""

    def should_fail(self, machine: Machine, request: Request) -> bool:
        """Never."""
        return False


class NoReclaim:
    """Nothing is reclaimable."""

    def reclaim(self, machine: Machine, request: Request) -> int:
        """No progress."""
        return 0

    def reclaimable(self, machine: Machine, node: int, zone_index: int) -> int:
        """None."""
        return 0


class NoCompaction:
    """Nothing can be compacted."""

    def compact(
        self, machine: Machine, request: Request, priority: CompactPriority
    ) -> CompactResult:
        """Not attempted."""
        return CompactResult.SKIPPED

    def deferred(self, machine: Machine, request: Request, success: bool) -> None:
        """Nothing to remember."""


class NoOom:
    """Nobody to kill."""

    def kill(self, machine: Machine, request: Request) -> bool:
        """No progress."""
        return False


class NoKswapd:
    """kswapd never runs."""

    def wake(self, machine: Machine, request: Request) -> None:
        """Ignored."""


class Hooks:
    """The policies of one machine."""

    def __init__(self) -> None:
        self.faults: FaultGate = NoFaults()
        self.reclaim: Reclaim = NoReclaim()
        self.compaction: Compaction = NoCompaction()
        self.oom: Oom = NoOom()
        self.kswapd: Kswapd = NoKswapd()
        self.observers: list[MigrationObserver] = []

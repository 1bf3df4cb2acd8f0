"""Checkpoints by undo log: small things are copied, per-page writes are journalled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.mm.zone import Zone

__all__ = ["Checkpoint", "take_checkpoint"]

_SCALARS = (
    "free",
    "free_cma",
    "free_highatomic",
    "cpu",
    "boost",
    "boosted_flag",
    "nr_reserved_highatomic",
    "mode",
    "extfrag_count",
    "reclaim_active",
    "below_high",
    "drain_count",
    "pgalloc",
    "pgfree",
)
_ARRAYS = (
    "nr_free",
    "free_diff",
    "cma_diff",
    "pcp_count",
    "pcp_high",
    "pcp_alloc_factor",
    "pcp_free_count",
    "pcp_flags",
)


@dataclass(frozen=True)
class _ZoneMark:
    journal_used: int
    scalars: tuple[Any, ...]
    arrays: tuple[bytes, ...]


@dataclass(frozen=True)
class Checkpoint:
    """A point to return to.  Valid until an earlier checkpoint is restored."""

    zones: tuple[_ZoneMark, ...]
    vmstat: dict[str, int]
    lru: dict[int, bool]
    clock_ns: int
    boost_wakes: int
    notebook: dict[str, Any]

    def restore(self, machine: Machine) -> None:
        """Undo everything since; see ``Machine.rollback``."""
        for zone, mark in zip(machine.zones, self.zones, strict=True):
            zone.roll_back(mark.journal_used)
            for name, value in zip(_SCALARS, mark.scalars, strict=True):
                setattr(zone, name, value)
            for name, copy in zip(_ARRAYS, mark.arrays, strict=True):
                memoryview(getattr(zone, name)).cast("B")[:] = copy
        machine.vmstat.restore(self.vmstat)
        machine.lru = dict(self.lru)
        machine.clock_ns = self.clock_ns
        machine.allocator.boost_wakes = self.boost_wakes
        machine.notebook = dict(self.notebook)
        machine.last_failure = None


def take_checkpoint(machine: Machine) -> Checkpoint:
    """Switch journalling on and note where every zone stands."""
    return Checkpoint(
        zones=tuple(_mark(zone) for zone in machine.zones),
        vmstat=machine.vmstat.as_dict(),
        lru=dict(machine.lru),
        clock_ns=machine.clock_ns,
        boost_wakes=machine.allocator.boost_wakes,
        notebook=dict(machine.notebook),
    )


def _mark(zone: Zone) -> _ZoneMark:
    zone.journaling = True
    return _ZoneMark(
        journal_used=zone.journal_used,
        scalars=tuple(getattr(zone, name) for name in _SCALARS),
        arrays=tuple(bytes(memoryview(getattr(zone, name)).cast("B")) for name in _ARRAYS),
    )

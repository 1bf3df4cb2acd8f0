"""Checkpoints by undo log: small things are copied, per-page writes are journalled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from buddysim.mm.zone_mark import ZoneMark

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine

__all__ = ["Checkpoint", "take_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """A point to return to.  Valid until an earlier checkpoint is restored."""

    zones: tuple[ZoneMark, ...]
    vmstat: dict[str, int]
    lru: dict[int, bool]
    clock_ns: int
    boost_wakes: int
    notebook: dict[str, Any]

    def restore(self, machine: Machine) -> None:
        """Undo everything since; see ``Machine.rollback``."""
        for mark in self.zones:
            mark.restore()
        machine.vmstat.restore(self.vmstat)
        machine.lru = dict(self.lru)
        machine.clock_ns = self.clock_ns
        machine.allocator.boost_wakes = self.boost_wakes
        machine.notebook = dict(self.notebook)
        machine.last_failure = None


def take_checkpoint(machine: Machine) -> Checkpoint:
    """Switch journalling on and note where every zone stands."""
    return Checkpoint(
        zones=tuple(ZoneMark(zone) for zone in machine.zones),
        vmstat=machine.vmstat.as_dict(),
        lru=dict(machine.lru),
        clock_ns=machine.clock_ns,
        boost_wakes=machine.allocator.boost_wakes,
        notebook=dict(machine.notebook),
    )

"""Which policies answer the machine's questions in a replay."""

from __future__ import annotations

from buddysim.mm.machine import Machine
from buddysim.policy.compaction import LruCompaction
from buddysim.policy.kswapd import BackgroundReclaim
from buddysim.policy.reclaim import LruReclaim

__all__ = ["install_policies"]


def install_policies(machine: Machine, *, recording: bool) -> None:
    """Reclaim and the rest for scripts; recordings carry their own reclaim as events."""
    if recording:
        return
    machine.hooks.reclaim = LruReclaim()
    machine.hooks.compaction = LruCompaction()
    machine.hooks.kswapd = BackgroundReclaim()

"""Which policies answer the machine's questions in a replay."""

from __future__ import annotations

from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.policy.compaction import LruCompaction
from buddysim.policy.kswapd import BackgroundReclaim
from buddysim.policy.reclaim import LruReclaim

__all__ = ["RecordedKswapd", "install_policies"]


class RecordedKswapd:
    """kswapd of a recording: what it freed is in the events; its end takes the boost back."""

    def __init__(self) -> None:
        self.told = False
        """The recording says when it runs, so a wake-up of the model's means nothing."""

    def wake(self, machine: Machine, request: Request) -> None:
        """As if it had run and finished."""
        if self.told:
            return
        machine.allocator.drop_boosts()


def install_policies(machine: Machine, *, recording: bool) -> None:
    """Reclaim, kswapd and compaction over the machine's page cache.

    A recording's own reclaim is in the frees among its events, so the model does none.
    Nobody is ever killed: a script has no processes, and a recording shows what exits freed.
    """
    if not recording:
        machine.hooks.reclaim = LruReclaim()
    machine.hooks.kswapd = RecordedKswapd() if recording else BackgroundReclaim()
    machine.hooks.compaction = LruCompaction()

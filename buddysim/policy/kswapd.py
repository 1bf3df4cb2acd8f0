"""Background reclaim: kswapd frees at a fixed rate until every zone is above its high mark.

Simplified (fact sheet 8.1, 8.7): one kswapd for the machine; progress is credited by virtual time
when somebody next enters the slow path, which is the first moment it can make a difference.  A
finished run takes the watermark boost back.
"""

from __future__ import annotations

from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.policy.reclaim import shrink

__all__ = ["PAGES_PER_MS", "BackgroundReclaim"]

PAGES_PER_MS = 256
"""About 1 GiB/s: what one kswapd manages on clean page cache."""
_NS_PER_MS = 1_000_000
_MOVABLE_CLASS = 4


class BackgroundReclaim:
    """Keeps "awake since" in ``machine.notebook`` so that a rollback restores it."""

    def wake(self, machine: Machine, request: Request) -> None:
        """Wake up, or catch up with the time since the last look."""
        since = machine.notebook.get("kswapd_since", -1)
        if since < 0:
            machine.vmstat.add("pageoutrun")
            machine.notebook["kswapd_since"] = machine.clock_ns
            return
        credit = (machine.clock_ns - since) * PAGES_PER_MS // _NS_PER_MS
        if credit <= 0:
            return
        machine.notebook["kswapd_since"] = machine.clock_ns
        wanted = self._deficit(machine)
        freed = shrink(
            machine,
            min(credit, wanted),
            class_index=_MOVABLE_CLASS,
            may_write=True,
            by="kswapd",
        )
        if freed >= wanted:
            self._sleep(machine)

    @staticmethod
    def _deficit(machine: Machine) -> int:
        """Pages that the zones together lack to their high marks."""
        return sum(max(0, zone.wmark(2) + 1 - zone.true_free) for zone in machine.zones)

    @staticmethod
    def _sleep(machine: Machine) -> None:
        machine.notebook["kswapd_since"] = -1
        for zone in machine.zones:
            zone.boost = 0

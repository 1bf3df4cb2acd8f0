"""A zone's counters at one moment: what its undo log does not hold because it is small.

Hot where every allocation of a trace is failed in turn; compiled, see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buddysim.mm.zone import Zone

__all__ = ["ZoneMark"]

_NR_ORDERS = 11
_PER_CPU = 7


class ZoneMark:
    """One zone's place in its undo log, and copies of its counters.

    :meth:`save` starts the undo log where it is off.  Both methods are O(orders + cpus), and
    :meth:`restore` O(writes since) besides.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.nr_free = array("q", bytes(8 * _NR_ORDERS))
        self.per_cpu = array("i", bytes(4 * _PER_CPU * zone.nr_cpus))
        self.save()

    def save(self) -> None:
        """Remember the zone as it is now."""
        zone = self.zone
        zone.keep_journal(True)
        self.journal_used = zone.journal_used
        self.free = zone.free
        self.free_cma = zone.free_cma
        self.free_highatomic = zone.free_highatomic
        self.cpu = zone.cpu
        self.boost = zone.boost
        self.boosted_flag = zone.boosted_flag
        self.nr_reserved_highatomic = zone.nr_reserved_highatomic
        self.mode = zone.mode
        self.extfrag_count = zone.extfrag_count
        self.reclaim_active = zone.reclaim_active
        self.below_high = zone.below_high
        self.drain_count = zone.drain_count
        self.pgalloc = zone.pgalloc
        self.pgfree = zone.pgfree
        for order in range(_NR_ORDERS):
            self.nr_free[order] = zone.nr_free[order]
        self.copy_cpus(saving=True)

    def restore(self) -> None:
        """Bring the zone back to how it was."""
        zone = self.zone
        zone.roll_back(self.journal_used)
        zone.free = self.free
        zone.free_cma = self.free_cma
        zone.free_highatomic = self.free_highatomic
        zone.cpu = self.cpu
        zone.boost = self.boost
        zone.boosted_flag = self.boosted_flag
        zone.nr_reserved_highatomic = self.nr_reserved_highatomic
        zone.mode = self.mode
        zone.extfrag_count = self.extfrag_count
        zone.reclaim_active = self.reclaim_active
        zone.below_high = self.below_high
        zone.drain_count = self.drain_count
        zone.pgalloc = self.pgalloc
        zone.pgfree = self.pgfree
        for order in range(_NR_ORDERS):
            zone.nr_free[order] = self.nr_free[order]
        self.copy_cpus(saving=False)

    def copy_cpus(self, saving: bool) -> None:
        """Copy the zone's counters of each cpu here, or back."""
        zone, kept, at = self.zone, self.per_cpu, 0
        for cpu in range(zone.nr_cpus):
            if saving:
                kept[at] = zone.free_diff[cpu]
                kept[at + 1] = zone.cma_diff[cpu]
                kept[at + 2] = zone.pcp_count[cpu]
                kept[at + 3] = zone.pcp_high[cpu]
                kept[at + 4] = zone.pcp_alloc_factor[cpu]
                kept[at + 5] = zone.pcp_free_count[cpu]
                kept[at + 6] = zone.pcp_flags[cpu]
            else:
                zone.free_diff[cpu] = kept[at]
                zone.cma_diff[cpu] = kept[at + 1]
                zone.pcp_count[cpu] = kept[at + 2]
                zone.pcp_high[cpu] = kept[at + 3]
                zone.pcp_alloc_factor[cpu] = kept[at + 4]
                zone.pcp_free_count[cpu] = kept[at + 5]
                zone.pcp_flags[cpu] = kept[at + 6]
            at += _PER_CPU

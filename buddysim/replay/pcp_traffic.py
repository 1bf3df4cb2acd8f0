"""Recorded moves between per-cpu and buddy lists, acted out by the model's zones.

``mm_page_alloc_zone_locked`` names every page that left the buddy lists and
``mm_page_pcpu_drain`` every page that came back, so a recording with both tells each zone's
NR_FREE_PAGES at any moment.  In model placement the recording then decides *how many* blocks move
and when, the model *which* ones: watermark checks see the kernel's free count, while pages are
still picked by the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.mm.zone import Zone

__all__ = ["PcpTraffic"]

_MOST_MISSED = 512
_THP_ORDER = 9


class PcpTraffic:
    """The kernel's free pages per zone, and the moves that keep the model's equal to them.

    A refill is left to the allocation it belongs to (``Zone.pcp_due``), because the kernel checks
    its watermarks before; what the model did not need to refill is made up for in :meth:`settle`.
    """

    def __init__(self, machine: Machine) -> None:
        self._zones = machine.zones
        self.free = [zone.true_free for zone in machine.zones]
        """NR_FREE_PAGES of the recorded kernel, by zone, true (drift folded in)."""
        self.active = False
        self.missed = 0
        """Pages that must have come back to the buddy lists without an event."""
        self.unmatched = 0
        """Pages by which some zone of the model could not follow, at its worst."""
        self._burst = [0] * len(machine.zones)
        self._last_locked: dict[int, int] = {}
        self._boosting: list[tuple[int, int, int, int, bool]] = []
        """Fallbacks of the current burst that raised watermarks after they had been checked."""
        self._stealing: set[int] = set()
        """Zones in which the current burst has stopped trying to claim pageblocks."""
        self._factors = [zone.boost_factor for zone in machine.zones]

    def begin(self) -> None:
        """The recording has such events: from now on they decide."""
        self.active = True
        for zone in self._zones:
            zone.pcp_told = True

    def begin_boosts(self) -> None:
        """The recording has fallbacks: from now on they raise the watermarks."""
        for zone in self._zones:
            zone.boost_factor = 0

    def stop(self) -> None:
        """Events are missing: the model's own rules decide again."""
        self.active = False
        for zone, factor in zip(self._zones, self._factors, strict=True):
            zone.pcp_told = False
            zone.boost_factor = factor
            for place in range(len(zone.pcp_due)):
                zone.pcp_due[place] = 0

    def new_burst(self) -> None:
        """What was refilled before belongs to an allocation already seen."""
        self._burst = [0] * len(self._zones)
        self._stealing.clear()
        self.settle()

    def locked(self, cpu: int, pfn: int, order: int, migratetype: int, *, refill: bool) -> None:
        """A block left the buddy lists: for a pcp list, or for the request itself."""
        number = self._number_of(pfn)
        if number < 0:
            return
        self._last_locked[cpu] = pfn
        self.free[number] -= 1 << order
        self._burst[number] += 1 << order
        if refill:
            self._zones[number].told_refill(cpu, order, migratetype)
        if self.free[number] < 0:
            self._missed(number)

    def fallback(
        self, cpu: int, pfn: int, order: int, migratetype: int, found: int, *, owned: bool
    ) -> None:
        """A recorded fallback to a block of order ``found``; ``owned``: its pageblock is ours now.

        The page of a claim was relisted and has an event of its own before; others have not.
        """
        number = self._number_of(pfn)
        if number < 0:
            return
        claimed = self._last_locked.pop(cpu, -1) == pfn if self.active else owned
        zone = self._zones[number]
        if self.active and not claimed:
            self.locked(cpu, pfn, order, migratetype, refill=self._cached(pfn, order))
        if found < zone.pageblock_order and number not in self._stealing:
            self._boosting.append((number, order, migratetype, found, claimed))
        if not claimed:
            self._stealing.add(number)

    def drained(self, cpu: int, pfn: int, order: int, migratetype: int) -> None:
        """A block went from a pcp list back to the buddy lists."""
        number = self._number_of(pfn)
        if number < 0:
            return
        self.free[number] += 1 << order
        self._zones[number].told_drain(cpu, order, migratetype)

    def granted(self, zone: Zone, pages: int) -> None:
        """The kernel gave a page at its marks, so it had more free than is known of."""
        number = self._zones.index(zone)
        self.missed += pages
        self.free[number] += pages
        self.settle()

    def changed(self, pfn: int, pages: int) -> None:
        """Pages came to (or, negative, left) the buddy lists directly."""
        number = self._number_of(pfn)
        if number >= 0:
            self.free[number] += pages

    def is_direct(self, pfn: int, order: int) -> bool:
        """Does a free of this order by-pass the pcp lists?"""
        return not self._cached(pfn, order)

    def settle(self, *, before_request: bool = False) -> None:
        """Make every zone's free count the kernel's.

        ``before_request``: as it was before the refills that belong to the request now looked at.
        """
        if not before_request:
            self._boost()
        if not self.active:
            return
        for number, zone in enumerate(self._zones):
            wanted = self.free[number]
            if before_request:
                wanted += self._burst[number]
            left = zone.settle_free(wanted, not before_request)
            self.unmatched = max(self.unmatched, abs(left))

    def _missed(self, number: int) -> None:
        """No kernel has less than nothing free: pages came back without an event.

        A few do; many mean that a kind of event was not recorded at all.
        """
        self.missed -= self.free[number]
        self.free[number] = 0
        if self.missed > _MOST_MISSED:
            self.stop()

    def _boost(self) -> None:
        """Raise the watermarks as the fallbacks of a finished burst did."""
        for number, order, migratetype, found, claimed in self._boosting:
            zone = self._zones[number]
            zone.boost_factor = self._factors[number]
            zone.told_boost(order, migratetype, found, claimed)
            zone.boost_factor = 0
        self._boosting.clear()

    def _number_of(self, pfn: int) -> int:
        for number, zone in enumerate(self._zones):
            if zone.start_pfn <= pfn < zone.end_pfn:
                return number
        return -1

    def _cached(self, pfn: int, order: int) -> bool:
        """Do blocks of this order go to the pcp lists?"""
        number = self._number_of(pfn)
        if number < 0:
            return True
        zone = self._zones[number]
        return order <= zone.pcp_max_order or (order == _THP_ORDER and zone.pcp_thp)

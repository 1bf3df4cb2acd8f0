"""Direct reclaim: free clean page cache, scattered, a cluster at a time (fact sheet 8.2, 8.7).

Simplified: one LRU without aging, no priority ramp, no latency.  Victims are drawn evenly from the
whole LRU, because a real LRU's tail is scattered over memory and reclaim does not undo
fragmentation.  Dirty pages count as reclaimable only for masks that may start IO; they are then
taken like clean ones.
"""

from __future__ import annotations

from buddysim.kernel.gfp import Gfp
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request

__all__ = ["SWAP_CLUSTER_MAX", "LruReclaim", "draw_victims", "shrink"]

SWAP_CLUSTER_MAX = 32
_IO = int(Gfp.IO)
_MASK = (1 << 64) - 1
_CLASS_MOVABLE = 4


def _mix(value: int) -> int:
    """SplitMix64's finaliser: one well-mixed word from another."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def draw_victims(candidates: list[int], wanted: int, salt: int) -> list[int]:
    """``wanted`` of ``candidates`` without repetition, decided by ``salt`` alone.  O(wanted)."""
    pool = candidates
    drawn = []
    for turn in range(min(wanted, len(pool))):
        pick = turn + _mix(salt * 0x9E3779B97F4A7C15 + turn & _MASK) % (len(pool) - turn)
        pool[turn], pool[pick] = pool[pick], pool[turn]
        drawn.append(pool[turn])
    return drawn


def shrink(machine: Machine, wanted: int, *, class_index: int, may_write: bool, by: str) -> int:
    """Free up to ``wanted`` LRU pages from zones a class may use; pages freed.

    ``by`` is ``direct`` or ``kswapd`` and names the counters.  O(LRU).
    """
    usable = [
        pfn
        for pfn, dirty in machine.lru.items()
        if (may_write or not dirty) and _in_class(machine, pfn, class_index)
    ]
    salt = machine.vmstat["pgsteal_direct"] + machine.vmstat["pgsteal_kswapd"]
    victims = draw_victims(usable, wanted, salt)
    for pfn in victims:
        del machine.lru[pfn]
        machine.free_pages(pfn, 0)
    machine.vmstat.add(f"pgscan_{by}", len(victims))
    machine.vmstat.add(f"pgsteal_{by}", len(victims))
    return len(victims)


def _in_class(machine: Machine, pfn: int, class_index: int) -> bool:
    if class_index >= _CLASS_MOVABLE or len(machine.zones) == 1:
        return True
    zone = machine.allocator.zone_of(pfn)
    return zone is not None and zone.zone_index <= class_index


class LruReclaim:
    """Takes from ``machine.lru``."""

    def reclaim(self, machine: Machine, request: Request) -> int:
        """One round: at most SWAP_CLUSTER_MAX pages, or 2^order if that is more."""
        return shrink(
            machine,
            max(SWAP_CLUSTER_MAX, 1 << request.order),
            class_index=request.class_index,
            may_write=bool(request.gfp & _IO),
            by="direct",
        )

    def reclaimable(self, machine: Machine, node: int, zone_index: int) -> int:
        """LRU pages of one zone."""
        if len(machine.zones) == 1:
            return len(machine.lru)
        zones = [z for z in machine.zones if z.node == node and z.zone_index == zone_index]
        if not zones:
            return 0
        return sum(zones[0].start_pfn <= pfn < zones[0].end_pfn for pfn in machine.lru)

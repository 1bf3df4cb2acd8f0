"""Per-cpu page lists by any era's rules: the long way in and out, refill, release (fact sheet 7).

Three sizing rules by era: ``fixed`` high of 6 batches (..4.19), ``low`` (a fixed share of the low
mark, 6.1), ``dynamic`` (6.7+).  Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.mm import bare
from buddysim.mm.fallback import SCHEMES, FallbackArea
from buddysim.mm.free_area import (
    PCP_BATCH_SCALE_MAX,
    PCP_DYNAMIC,
    PCP_FIXED,
    PCP_FREE_HIGH_BATCH,
    PCP_LISTS,
    PCP_LOW,
    PCP_SINGLE,
)

__all__ = ["PcpArea"]

_ALLOC_CMA = 0x80
_MOVABLE = 1
_THP_ORDER = 9
_THP_LIST = 12
_PCP_FIXED = PCP_FIXED
_PCP_LOW = PCP_LOW
_PCP_DYNAMIC = PCP_DYNAMIC
_PCP_SINGLE = PCP_SINGLE
_FREE_HIGH_BATCH = PCP_FREE_HIGH_BATCH
_SCALE_MAX = PCP_BATCH_SCALE_MAX
_NR_PCP_LISTS = PCP_LISTS
_SCHEME_CLAIM = SCHEMES["claim"]


class PcpArea(FallbackArea):
    """Buddy lists with per-cpu caches in front of them, by the rules of the era."""

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        self.pcp_told = False
        """A recording tells when blocks move between pcp and buddy lists; see ``pcp_due``."""
        self.pcp_due = array("i", bytes(4 * nr_cpus * _NR_PCP_LISTS))
        """By cpu and list: blocks that the recording refilled and this zone has not yet."""

    def pcp_allowed(self, order: int) -> bool:
        """Is this order cached per cpu?"""
        return order <= self.pcp_max_order or (order == _THP_ORDER and self.pcp_thp)

    def pcp_head(self, cpu: int, pindex: int) -> int:
        """Sentinel of one pcp list of one cpu."""
        return self.pcp_base + cpu * bare.PCP_LISTS + pindex

    def pcp_list(self, cpu: int, pindex: int) -> int:
        """Sentinel of one pcp list, for whoever looks at or loads the lists."""
        return self.pcp_head(cpu, pindex)

    def pindex_of(self, order: int, migratetype: int) -> int:
        """List number for an order and type: order*3 + type, or one of the two THP lists."""
        if order > 3:
            return _THP_LIST + (1 if migratetype == _MOVABLE else 0)
        return order * 3 + migratetype

    def pindex_order(self, pindex: int) -> int:
        """Order of the blocks on a pcp list."""
        return _THP_ORDER if pindex >= _THP_LIST else pindex // 3

    def rmqueue_general(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """:meth:`rmqueue_zone` in any case, by any era's rules."""
        if (
            not self.has_cma
            or not self.pcp_spares_cma
            or migratetype != _MOVABLE
            or alloc_flags & _ALLOC_CMA
        ):
            index = self.rmqueue_pcplist(cpu, order, migratetype, alloc_flags)
            if index >= 0:
                return index
        return self.rmqueue_buddy(order, migratetype, alloc_flags)

    def rmqueue_pcplist(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """An allocation through the pcp lists, if they keep this order; index or -1."""
        if not self.pcp_allowed(order):
            return -1
        if self.pcp_rule == _PCP_SINGLE:
            return self.pcp_search(cpu, migratetype, alloc_flags)
        if self.pcp_rule != _PCP_FIXED:
            self.words[cpu][bare.FREE_COUNT] >>= 1
        return self.pcp_pop(cpu, order, migratetype, alloc_flags)

    def pcp_pop(self, cpu: int, order: int, migratetype: int, alloc_flags: int) -> int:
        """First block of a pcp list, refilled when empty; index or -1."""
        head = self.pcp_head(cpu, self.pindex_of(order, migratetype))
        index = self.list_pop(head)
        if index < 0:
            return self.pop_refilled(cpu, order, migratetype, alloc_flags, head)
        self.words[cpu][bare.COUNT] -= 1 << order
        return index

    def free_general(self, cpu: int, index: int, order: int) -> None:
        """:meth:`free_block` in any case, by any era's rules."""
        self.cpu = cpu
        self.pgfree += 1 << order
        if self.is_movable[index]:
            self.mark_movable(index, order, 0)
        if self.pcp_allowed(order):
            self.pcp_push(cpu, index, order)
        else:
            self.free_to_buddy(index, order)

    def pcp_push(self, cpu: int, index: int, order: int) -> None:
        """Free one cacheable block to its cpu's lists, releasing a batch when high is reached."""
        block_type = self.pageblock[index >> self.pageblock_order]
        if self.type_stored:
            self.set_type(index, block_type)
        migratetype = block_type
        if migratetype >= bare.PCPTYPES:
            if migratetype == bare.ISOLATE:
                self.free_one_page(index, order, migratetype, False)
                return
            migratetype = _MOVABLE
        pindex = 0
        if self.pcp_rule != _PCP_SINGLE:
            pindex = self.pindex_of(order, migratetype)
        self.list_push(index, self.pcp_head(cpu, pindex), bare.PCP_HEAD - order)
        if self.pcp_rule == bare.PCP_DYNAMIC:
            free_high = False
            if 0 < order <= 3:
                free_high = self.note_high_order(cpu, 1 << order)
            else:
                self.words[cpu][bare.FLAGS] &= ~bare.PREV_FREE_HIGH_ORDER
            if self.note_free(self.words[cpu], 1 << order, free_high):
                self.release_due(cpu, pindex, free_high)
        else:
            self.words[cpu][bare.COUNT] += 1 << order
            self.release_older(cpu, order, pindex)

    def nr_pcp_alloc(self, cpu: int, order: int) -> int:
        """Blocks to refill with, updating high and alloc_factor (fact sheet 7.3)."""
        words = self.words[cpu]
        base = words[bare.BATCH]
        if self.pcp_rule != bare.PCP_DYNAMIC:
            return max(base >> order, 2) if base > 1 else base
        high_max = words[bare.HIGH_MAX]
        high = words[bare.HIGH]
        if high < words[bare.HIGH_MIN] or high > high_max:
            high = self.clamp_high(cpu)
        if high < base:
            return 1
        factor = words[bare.ALLOC_FACTOR]
        batch = base if order else base << factor
        if words[bare.HIGH_MIN] != high_max and not self.below_high:
            high = min(high + batch, high_max)
            words[bare.HIGH] = high
        if order == 0:
            most = max(high - words[bare.COUNT] - base, base)
            if batch <= most and factor < bare.SCALE_MAX:
                words[bare.ALLOC_FACTOR] = factor + 1
            batch = min(batch, most)
        return max(batch >> order, 2) if batch > 1 else batch

    def refill(self, cpu: int, order: int, migratetype: int, alloc_flags: int, head: int) -> None:
        """Move blocks from the buddy lists to the tail of an empty pcp list."""
        want = self.nr_pcp_alloc(cpu, order)
        due = 0
        if self.pcp_told:
            due = cpu * _NR_PCP_LISTS + self.pindex_of(order, migratetype)
            want = max(self.pcp_due[due], 1)
        got = 0
        self.mode = 0
        if self.free_cma <= 0 and self.fallback_scheme == _SCHEME_CLAIM:
            got = self.move_smallest(order, migratetype, head, want)
        while got < want:
            index = self.rmqueue(order, migratetype, alloc_flags)
            if index < 0:
                break
            self.list_append(index, head, bare.PCP_HEAD - order)
            got += 1
        self.words[cpu][bare.COUNT] += got << order
        if self.pcp_told:
            self.pcp_due[due] -= got

    def pop_refilled(
        self, cpu: int, order: int, migratetype: int, alloc_flags: int, head: int
    ) -> int:
        """Refill an empty pcp list and take its first block; index or -1."""
        self.refill(cpu, order, migratetype, alloc_flags, head)
        index = self.list_pop(head)
        if index >= 0:
            self.words[cpu][bare.COUNT] -= 1 << order
        return index

    def pcp_search(self, cpu: int, migratetype: int, alloc_flags: int) -> int:
        """2.6.25: the first page of the wanted type, else refill and take the head; or -1."""
        head = self.pcp_head(cpu, 0)
        if self.next[head] == head:
            self.refill(cpu, 0, migratetype, alloc_flags, head)
        index = self.next[head]
        while index != head and self.type_of[index] != migratetype:
            index = self.next[index]
        if index == head:
            self.refill(cpu, 0, migratetype, alloc_flags, head)
            index = self.next[head]
            if index == head:
                return -1
        self.list_remove(index)
        self.pcp_count[cpu] -= 1
        return index

    def release_older(self, cpu: int, order: int, pindex: int) -> None:
        """..6.6: release a batch once count reached high, by the era's rule."""
        if self.pcp_rule == _PCP_LOW:
            self.release_low(cpu, order, pindex)
        elif self.pcp_count[cpu] >= self.pcp_high[cpu]:
            if self.pcp_rule == _PCP_SINGLE:
                self.free_pcppages_bulk(cpu, self.pcp_batch[cpu], 0)
            else:
                self.free_pcppages_rotating(cpu, self.pcp_batch[cpu])

    def note_high_order(self, cpu: int, pages: int) -> bool:
        """6.7+: a block of order 1..3 is freed; release all if many were, one after another."""
        words = self.words[cpu]
        batch = words[bare.BATCH]
        flags = words[bare.FLAGS]
        words[bare.FLAGS] = flags | bare.PREV_FREE_HIGH_ORDER
        return (
            words[bare.FREE_COUNT] >= batch
            and flags & bare.PREV_FREE_HIGH_ORDER != 0
            and (flags & _FREE_HIGH_BATCH == 0 or words[bare.COUNT] + pages >= batch)
        )

    def release_dynamic(self, cpu: int, pindex: int, high: int, free_high: bool) -> None:
        """6.7+: release what the heuristics say, and look at the high mark again (7.4)."""
        batch = self.pcp_batch[cpu]
        high = self.nr_pcp_high(cpu, batch, high, free_high)
        if self.pcp_count[cpu] < high:
            return
        self.free_pcppages_bulk(cpu, self.nr_pcp_free(cpu, batch, high, free_high), pindex)
        if self.below_high and self.above_high_mark():
            self.below_high = False

    def nr_pcp_high(self, cpu: int, batch: int, high: int, free_high: bool) -> int:
        """Effective high for this free, adapting the stored one, which is ``high``."""
        high_min = self.pcp_high_min[cpu]
        high_max = self.pcp_high_max[cpu]
        if high == 0:
            return 0
        if free_high:
            self.pcp_high[cpu] = max(high - (batch << _SCALE_MAX), high_min)
            return 0
        if self.reclaim_active:
            self.pcp_high[cpu] = max(high - max(self.pcp_free_count[cpu], batch), high_min)
            return min(batch << 2, self.pcp_high[cpu])
        if high_min == high_max:
            return high
        if self.below_high:
            self.pcp_high[cpu] = max(high - max(self.pcp_free_count[cpu], batch), high_min)
            return max(self.pcp_count[cpu], high_min)
        if self.pcp_count[cpu] >= high:
            need = self.pcp_free_count[cpu] + batch
            if self.pcp_high[cpu] < need:
                self.pcp_high[cpu] = min(max(need, high_min), high_max)
        return high

    def nr_pcp_free(self, cpu: int, batch: int, high: int, free_high: bool) -> int:
        """Pages to release, 6.7+."""
        if free_high:
            return min(self.pcp_count[cpu], batch << _SCALE_MAX)
        if high < batch:
            return 1
        wanted = max(self.pcp_free_count[cpu], batch)
        return min(wanted, high - batch)

    def release_low(self, cpu: int, order: int, pindex: int) -> None:
        """5.14..6.6: free_count holds the kernel's free_factor (a doubling exponent)."""
        free_high = self.pcp_free_count[cpu] != 0 and 0 < order <= 3
        batch = self.pcp_batch[cpu]
        high = self.pcp_high[cpu]
        if high == 0 or free_high:
            high = 0
        elif self.reclaim_active:
            high = min(batch << 2, high)
        if self.pcp_count[cpu] < high:
            return
        if free_high:
            count = self.pcp_count[cpu]
        elif high < batch:
            count = 1
        else:
            count = batch << self.pcp_free_count[cpu]
            if count < high - batch and self.pcp_free_count[cpu] < _SCALE_MAX:
                self.pcp_free_count[cpu] += 1
            count = min(max(count, batch), high - batch)
        self.free_pcppages_bulk(cpu, count, pindex)

    def free_pcppages_bulk(self, cpu: int, count: int, pindex: int) -> None:
        """Release ``count`` pages: this list first, then round robin, oldest pages first.

        Where a recording tells of drains, nothing moves.
        """
        if self.pcp_told:
            return
        count = min(count, self.pcp_count[cpu])
        pindex -= 1
        while count > 0:
            pindex += 1
            if pindex >= _NR_PCP_LISTS:
                pindex = 0
            head = self.pcp_head(cpu, pindex)
            order = self.pindex_order(pindex)
            count -= self.release_tail(cpu, head, order, count)

    def free_pcppages_rotating(self, cpu: int, count: int) -> None:
        """..4.19: round robin over three lists, taking more from a list the more were empty."""
        batch_free = 0
        migratetype = 0
        count = min(count, self.pcp_count[cpu])
        while count > 0:
            batch_free += 1
            migratetype = (migratetype + 1) % bare.PCPTYPES
            head = self.pcp_head(cpu, migratetype)
            while self.prev[head] == head:
                batch_free += 1
                migratetype = (migratetype + 1) % bare.PCPTYPES
                head = self.pcp_head(cpu, migratetype)
            if batch_free >= bare.PCPTYPES:
                batch_free = count
            while count > 0 and batch_free > 0 and self.prev[head] != head:
                self.release_block(cpu, self.prev[head], 0)
                count -= 1
                batch_free -= 1

    def drain_pages(self, cpu: int) -> None:
        """Empty one cpu's lists (fact sheet 7.6), unless a recording tells of drains."""
        if self.pcp_told:
            return
        self.cpu = cpu
        while self.pcp_count[cpu] > 0:
            count = self.pcp_count[cpu]
            if self.pcp_rule == _PCP_FIXED:
                self.free_pcppages_rotating(cpu, count)
                continue
            if self.pcp_rule == _PCP_DYNAMIC:
                count = min(count, self.pcp_batch[cpu] << _SCALE_MAX)
            self.free_pcppages_bulk(cpu, count, 0)

    def above_high_mark(self) -> bool:
        """Order-0 check against the boosted high mark with no flags (for ``below_high``).

        Class index is Movable's, so every lowmem_reserve counts; the zone overrides this.
        """
        return self.free > self.mark_high + self.boost

    def rmqueue_buddy(self, order: int, migratetype: int, alloc_flags: int) -> int:
        """A block straight from the buddy lists; index or -1."""
        return self.rmqueue_smallest(order, migratetype)

    def free_to_buddy(self, index: int, order: int) -> None:
        """Free a block that no pcp list takes."""
        self.free_one_page(index, order, self.pageblock[index >> self.pageblock_order], False)

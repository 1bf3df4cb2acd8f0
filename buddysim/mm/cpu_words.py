"""What a zone counts for each cpu: its per-cpu lists and its share of the free pages.

Compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.mm import bare
from buddysim.mm.page_arrays import PageArrays

__all__ = ["CpuWords"]


class CpuWords(PageArrays):
    """The pages of a zone, and one cache line of counters a cpu.

    ``per_cpu`` holds them, at the places that ``bare`` names; ``pcp_count`` and the like are views
    of one counter of all cpus.
    """

    def __init__(self, start_pfn: int, nr_pages: int, pageblock_order: int, nr_cpus: int) -> None:
        super().__init__(start_pfn, nr_pages, pageblock_order, nr_cpus)
        words = array("i", bytes(4 * nr_cpus * bare.CPU_WORDS))
        self.per_cpu = words
        self.words = bare.lines(self.per_cpu)
        by_cpu = memoryview(words)
        self.pcp_count = by_cpu[bare.COUNT :: bare.CPU_WORDS]
        self.pcp_high = by_cpu[bare.HIGH :: bare.CPU_WORDS]
        self.pcp_high_min = by_cpu[bare.HIGH_MIN :: bare.CPU_WORDS]
        self.pcp_high_max = by_cpu[bare.HIGH_MAX :: bare.CPU_WORDS]
        self.pcp_batch = by_cpu[bare.BATCH :: bare.CPU_WORDS]
        self.pcp_free_count = by_cpu[bare.FREE_COUNT :: bare.CPU_WORDS]
        self.pcp_alloc_factor = by_cpu[bare.ALLOC_FACTOR :: bare.CPU_WORDS]
        self.pcp_flags = by_cpu[bare.FLAGS :: bare.CPU_WORDS]
        self.free_diff = by_cpu[bare.FREE_DIFF :: bare.CPU_WORDS]
        self.cma_diff = by_cpu[bare.CMA_DIFF :: bare.CPU_WORDS]

    def drift(self) -> int:
        """Free pages that the cpus have not reported to the zone yet (3.6); may be negative."""
        pages = 0
        for cpu in range(self.nr_cpus):
            pages += self.free_diff[cpu]
        return pages

    def pcp_pages(self) -> int:
        """Pages on all cpus' pcp lists."""
        pages = 0
        for cpu in range(self.nr_cpus):
            pages += self.pcp_count[cpu]
        return pages

    def clamp_high(self, cpu: int) -> int:
        """Bring a cpu's high into [high_min, high_max] and return it."""
        high = self.pcp_high[cpu]
        high = min(max(high, self.pcp_high_min[cpu]), self.pcp_high_max[cpu])
        self.pcp_high[cpu] = high
        return high

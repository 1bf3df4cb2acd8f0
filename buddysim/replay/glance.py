"""The numbers of a machine at one moment, read at once: most such looks are dropped again.

Hot and compiled; see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.kernel.constants import NR_PAGE_ORDERS
from buddysim.mm.zone import Zone

__all__ = ["WORDS_PER_ZONE", "blank_glance", "glance"]

WORDS_PER_ZONE = 1 + NR_PAGE_ORDERS
"""Free pages, then free blocks by order; after the last zone follow the pages in use."""

_NR_ORDERS = NR_PAGE_ORDERS


def blank_glance(zones: list[Zone]) -> array[int]:
    """Room for one :func:`glance`."""
    return array("q", bytes(8 * (WORDS_PER_ZONE * len(zones) + 1)))


def glance(zones: list[Zone], live_pages: array[int], words: array[int]) -> int:
    """Fill ``words``: per zone the free pages and free blocks by order, then all pages in use.

    Returns the sum of ``live_pages``: what the callers of the trace hold.
    """
    used = 0
    at = 0
    for zone in zones:
        used += zone.managed - zone.free
        for cpu in range(zone.nr_cpus):
            used -= zone.free_diff[cpu] + zone.pcp_count[cpu]
        words[at] = zone.free
        at += 1
        for order in range(_NR_ORDERS):
            words[at] = zone.nr_free[order]
            at += 1
    words[at] = used
    held = 0
    for caller in range(len(live_pages)):
        held += live_pages[caller]
    return held

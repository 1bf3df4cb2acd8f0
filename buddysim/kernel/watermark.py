"""Watermarks, lowmem reserves and the numbers derived from them, as pure formulas.

Fact sheet 2.4, 3.1..3.4, 3.6, 3.7.  All counts are pages unless a name says kbytes; divisions
truncate.  ``managed`` stands for the page count that the era's formulas use, which is ``present``
where ``profile.zone_size`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import NamedTuple

from buddysim.kernel.constants import PAGEBLOCK_NR_PAGES
from buddysim.kernel.profile import Profile

__all__ = [
    "Watermarks",
    "boosted",
    "drift_mark",
    "lowmem_kbytes",
    "lowmem_reserve",
    "min_free_kbytes_default",
    "pressure_stat_threshold",
    "stat_threshold",
    "thp_min_free_kbytes",
    "totalreserve",
    "zone_watermarks",
]

_KBYTES_PER_PAGE = 4
_MIN_FREE_KBYTES_MIN = 128
_HIGHMEM_MIN, _HIGHMEM_MAX = 32, 128
_STAT_THRESHOLD_MAX = 125


class Watermarks(NamedTuple):
    """A zone's marks in pages, without boost.  ``promo`` is 0 in eras that lack it."""

    min: int
    low: int
    high: int
    promo: int


def lowmem_kbytes(zones: Sequence[tuple[int, int]]) -> int:
    """kB that min_free_kbytes is computed from (3.1 step 1).

    ``zones``: (managed, high mark) of every zone up to Normal; high marks are 0 at first boot.
    """
    return _KBYTES_PER_PAGE * sum(max(managed - high, 0) for managed, high in zones)


def min_free_kbytes_default(lowmem_kbytes: int, profile: Profile) -> int:
    """vm.min_free_kbytes as the kernel chooses it, without huge pages (3.1 steps 2, 3)."""
    wanted = isqrt(16 * lowmem_kbytes)
    return max(_MIN_FREE_KBYTES_MIN, min(wanted, profile.min_free_kbytes_max))


def thp_min_free_kbytes(
    min_free_kbytes: int,
    nr_zones: int,
    free_buffer_pages: int,
    pageblock_nr_pages: int = PAGEBLOCK_NR_PAGES,
) -> int:
    """vm.min_free_kbytes after khugepaged raised it (3.1, 2.6.38+ with huge pages enabled).

    ``nr_zones``: populated zones not above the GFP_USER zone; ``free_buffer_pages``: their managed
    pages less high marks, of which 5 % is the limit.
    """
    wanted = pageblock_nr_pages * nr_zones * 2 + pageblock_nr_pages * nr_zones * 3 * 3
    wanted = min(wanted, free_buffer_pages // 20)
    return max(min_free_kbytes, wanted * _KBYTES_PER_PAGE)


def zone_watermarks(
    managed: int,
    lowmem_pages: int,
    min_free_kbytes: int,
    profile: Profile,
    *,
    scale_factor: int = 10,
    is_lowmem: bool = True,
) -> Watermarks:
    """A zone's marks (3.2).

    ``lowmem_pages``: managed pages of all zones but HighMem and Movable; ``scale_factor``:
    vm.watermark_scale_factor in 1/10000; ``is_lowmem`` False for HighMem and Movable, whose min is
    bounded while the spacing still follows their share.
    """
    pages_min = min_free_kbytes // _KBYTES_PER_PAGE
    share = pages_min * managed // lowmem_pages if lowmem_pages else 0
    if is_lowmem:
        mark = share
    else:
        mark = max(_HIGHMEM_MIN, min(managed // 1024, _HIGHMEM_MAX))
    if profile.spacing == "share":
        return Watermarks(mark, mark + share // 4, mark + share // 2, 0)
    delta = max(share // 4, _mult_frac(managed, scale_factor, 10000))
    promo = mark + 3 * delta if profile.has_promo else 0
    return Watermarks(mark, mark + delta, mark + 2 * delta, promo)


def _mult_frac(value: int, numerator: int, denominator: int) -> int:
    """value * numerator / denominator in the kernel's overflow-free order."""
    whole, rest = divmod(value, denominator)
    return whole * numerator + rest * numerator // denominator


def lowmem_reserve(
    managed: Sequence[int], ratio: Sequence[int], profile: Profile
) -> tuple[tuple[int, ...], ...]:
    """Row i, column j: pages of zone i that a request which could use zone j may not touch (2.4).

    Both sequences are one node's zones from low to high; a zone that does not exist has 0 pages.
    """
    rows = []
    for zone, pages in enumerate(managed):
        divisor = max(ratio[zone], profile.reserve_ratio_min)
        above = 0
        row = [0] * (zone + 1)
        for higher in managed[zone + 1 :]:
            above += higher
            row.append(above // divisor if divisor and pages else 0)
        rows.append(tuple(row))
    return tuple(rows)


def boosted(
    boost: int,
    managed: int,
    high: int,
    factor: int,
    pageblock_nr_pages: int = PAGEBLOCK_NR_PAGES,
) -> int:
    """watermark_boost after one more fallback below a pageblock (3.3).

    ``high``: the mark without boost; ``factor``: vm.watermark_boost_factor in 1/10000.
    """
    if factor == 0 or high == 0 or 4 * pageblock_nr_pages > managed:
        return boost
    cap = max(pageblock_nr_pages, _mult_frac(high, factor, 10000))
    return min(boost + pageblock_nr_pages, cap)


def stat_threshold(managed: int, ncpus: int) -> int:
    """Pages by which one cpu's free count may lag (3.6), at most 125."""
    memory = managed >> 15
    return min(_STAT_THRESHOLD_MAX, 2 * ncpus.bit_length() * (1 + memory.bit_length()))


def pressure_stat_threshold(marks: Watermarks, ncpus: int) -> int:
    """The smaller lag allowed while kswapd runs: drift stays within low - min; 1..125.

    Not in the fact sheet; recordings taken under pressure show it.
    """
    return max(1, min(_STAT_THRESHOLD_MAX, (marks.low - marks.min) // ncpus))


def drift_mark(marks: Watermarks, ncpus: int, threshold: int) -> int:
    """Free pages below which kswapd wants the exact count (3.6); 0 when drift is harmless."""
    drift = ncpus * threshold
    return marks.high + drift if drift > marks.low - marks.min else 0


def totalreserve(reserve_row: Sequence[int], high: int, managed: int) -> int:
    """A zone's contribution to totalreserve_pages (3.7)."""
    return min(max(reserve_row, default=0) + high, managed)

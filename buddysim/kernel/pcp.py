"""Sizes of the per-cpu page lists by era (fact sheet 7.2)."""

from __future__ import annotations

from typing import NamedTuple

from buddysim.kernel.profile import Profile

__all__ = ["PcpSizes", "pcp_sizes"]


class PcpSizes(NamedTuple):
    """``batch``: pages per refill or release; ``high``: where releasing starts.

    ``high_min`` and ``high_max`` differ only where high is dynamic (6.12 and later).
    """

    batch: int
    high_min: int
    high_max: int


def pcp_sizes(
    managed: int, low: int, profile: Profile, *, local_cpus: int = 1, high_fraction: int = 0
) -> PcpSizes:
    """Batch and high of one cpu's lists in a zone.

    ``low``: the zone's low mark; ``local_cpus``: online cpus of its node, which share the zone;
    ``high_fraction``: vm.percpu_pagelist_high_fraction, 0 = unset (a knob of 5.14 and later: older
    profiles have nothing that it could set).
    """
    raw = _batch(managed, profile.pcp_batch_cap_pages)
    batch = max(1, raw)
    if profile.pcp == "fixed":
        return PcpSizes(batch, 6 * raw, 6 * raw)
    split = max(1, local_cpus)
    floor = 4 * batch
    if high_fraction:
        high = max(managed // high_fraction // split, floor)
        return PcpSizes(batch, high, high)
    high_min = max(low // split, floor)
    if profile.pcp == "low":
        return PcpSizes(batch, high_min, high_min)
    return PcpSizes(batch, high_min, max(managed // 8 // split, floor))


def _batch(managed: int, cap_pages: int) -> int:
    """One less than a power of two, 0..63; small zones give 0, which is used as 1."""
    quarter = max(1, min(managed >> 10, cap_pages) // 4)
    return (1 << ((quarter + quarter // 2).bit_length() - 1)) - 1

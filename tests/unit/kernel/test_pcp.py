"""Per-cpu list sizes (fact sheet 7.2)."""

from __future__ import annotations

import pytest

from buddysim.kernel.pcp import PcpSizes, pcp_sizes
from buddysim.kernel.profile import profile_of


@pytest.mark.parametrize(
    ("managed", "low", "sizes"),
    [
        (772915, 10227, PcpSizes(63, 5113, 48307)),
        (819200, 10840, PcpSizes(63, 5420, 51200)),
        (3840, 50, PcpSizes(1, 25, 240)),
    ],
)
def test_live_sizes_of_two_cpus(managed: int, low: int, sizes: PcpSizes) -> None:
    assert pcp_sizes(managed, low, profile_of("6.18"), local_cpus=2) == sizes


def test_6_1_has_one_fixed_high() -> None:
    assert pcp_sizes(772915, 10227, profile_of("6.1"), local_cpus=2) == (63, 5113, 5113)


@pytest.mark.parametrize("profile", ["2.6.25", "2.6.32", "3.13", "4.4"])
def test_old_kernels_stop_at_31_and_186(profile: str) -> None:
    assert pcp_sizes(1 << 20, 9999, profile_of(profile)) == (31, 186, 186)


def test_4_19_stops_at_63_and_378() -> None:
    assert pcp_sizes(1 << 20, 9999, profile_of("4.19")) == (63, 378, 378)


def test_tiny_zone_of_an_old_kernel_caches_nothing() -> None:
    assert pcp_sizes(2000, 20, profile_of("2.6.25")) == (1, 0, 0)


@pytest.mark.parametrize("profile", ["6.1", "6.12"])
def test_high_fraction_fixes_both_ends(profile: str) -> None:
    sizes = pcp_sizes(800000, 10000, profile_of(profile), local_cpus=4, high_fraction=8)
    assert sizes == (63, 25000, 25000)


def test_high_never_falls_below_four_batches() -> None:
    assert pcp_sizes(1 << 20, 0, profile_of("6.12"), local_cpus=4096).high_min == 4 * 63

"""Every worked number of fact sheet 2.4 and 3."""

from __future__ import annotations

import pytest

from buddysim.kernel.profile import PROFILES, profile_of
from buddysim.kernel.watermark import (
    Watermarks,
    boosted,
    drift_mark,
    lowmem_kbytes,
    lowmem_reserve,
    min_free_kbytes_default,
    pressure_stat_threshold,
    stat_threshold,
    thp_min_free_kbytes,
    totalreserve,
    zone_watermarks,
)

MODERN = profile_of("6.12")
OLD = profile_of("2.6.25")
LOWMEM = 1595955
MIB = 1024


@pytest.mark.parametrize(
    ("mib", "kbytes"),
    [(16, 512), (64, 1024), (512, 2896), (1024, 4096), (4096, 8192), (16384, 16384)],
)
def test_min_free_kbytes_anchors(mib: int, kbytes: int) -> None:
    assert min_free_kbytes_default(mib * MIB, MODERN) == kbytes


@pytest.mark.parametrize(
    ("profile", "ceiling"),
    [(name, 262144 if name in {"6.1", "6.12", "6.18"} else 65536) for name in PROFILES],
)
def test_min_free_kbytes_bounds(profile: str, ceiling: int) -> None:
    assert min_free_kbytes_default(0, profile_of(profile)) == 128
    assert min_free_kbytes_default(1 << 40, profile_of(profile)) == ceiling


def test_lowmem_kbytes_leaves_out_the_high_marks() -> None:
    assert lowmem_kbytes([(3840, 60), (772915, 12272), (10, 20)]) == 4 * (3780 + 760643)


@pytest.mark.parametrize(("nr_zones", "kbytes"), [(2, 45056), (3, 67584), (4, 90112)])
def test_thp_override(nr_zones: int, kbytes: int) -> None:
    assert thp_min_free_kbytes(8192, nr_zones, 1 << 22) == kbytes


def test_thp_override_is_capped_and_never_lowers() -> None:
    assert thp_min_free_kbytes(1024, 3, 20000) == 4000
    assert thp_min_free_kbytes(99999, 3, 1 << 22) == 99999


@pytest.mark.parametrize(
    ("managed", "marks"),
    [
        (3840, Watermarks(40, 50, 60, 70)),
        (772915, Watermarks(8182, 10227, 12272, 14317)),
        (819200, Watermarks(8672, 10840, 13008, 15176)),
    ],
)
def test_live_marks(managed: int, marks: Watermarks) -> None:
    assert zone_watermarks(managed, LOWMEM, 67584, MODERN) == marks


def test_live_marks_of_the_earlier_moment() -> None:
    lowmem = 3840 + 772915 + 327680
    assert zone_watermarks(3840, lowmem, 67584, MODERN) == (58, 72, 86, 100)
    assert zone_watermarks(772915, lowmem, 67584, MODERN) == (11824, 14780, 17736, 20692)


def test_empty_movable_zone_has_the_floor() -> None:
    assert zone_watermarks(0, LOWMEM, 67584, MODERN, is_lowmem=False) == (32, 32, 32, 32)


def test_highmem_min_is_bounded_while_its_spacing_follows_the_share() -> None:
    marks = zone_watermarks(200000, 100000, 4096, MODERN, is_lowmem=False)
    assert marks.min == 128
    assert marks.low - marks.min == 1024 * 200000 // 100000 // 4


@pytest.mark.parametrize("profile", ["2.6.25", "2.6.32", "3.13", "4.4"])
def test_old_spacing_is_quarters_of_the_share(profile: str) -> None:
    marks = zone_watermarks(772915, LOWMEM, 67584, profile_of(profile))
    assert marks == (8182, 8182 + 2045, 8182 + 4091, 0)


@pytest.mark.parametrize("profile", ["4.9", "4.14", "4.19"])
def test_scale_factor_widens_the_spacing_but_promo_is_younger(profile: str) -> None:
    marks = zone_watermarks(772915, LOWMEM, 67584, profile_of(profile), scale_factor=1000)
    assert marks == (8182, 8182 + 77291, 8182 + 2 * 77291, 0)


def test_large_zone_gets_a_tenth_of_a_percent() -> None:
    marks = zone_watermarks(10_000_000, 10_000_000, 16384, MODERN)
    assert marks.low - marks.min == 10000


def test_lowmem_reserve_of_the_live_machine() -> None:
    rows = lowmem_reserve((3840, 772915, 819200, 0, 0), (256, 256, 32, 0, 0), MODERN)
    assert rows[0] == (0, 3019, 6219, 6219, 6219)
    assert rows[1] == (0, 0, 3200, 3200, 3200)
    assert rows[2] == rows[3] == rows[4] == (0, 0, 0, 0, 0)


def test_ratio_zero_means_no_reserve_only_in_newer_kernels() -> None:
    managed = (3840, 100000)
    assert lowmem_reserve(managed, (0, 0), MODERN)[0] == (0, 0)
    assert lowmem_reserve(managed, (0, 0), OLD)[0] == (0, 100000)


def test_empty_zone_reserves_nothing() -> None:
    assert lowmem_reserve((0, 5000), (256, 32), MODERN)[0] == (0, 0)


def test_boost_grows_by_a_pageblock_up_to_its_cap() -> None:
    steps = [0]
    for _ in range(40):
        steps.append(boosted(steps[-1], 772915, 12272, 15000))
    assert steps[1:3] == [512, 1024]
    assert steps[-1] == 12272 * 15000 // 10000
    assert boosted(0, 3840, 60, 15000) == 512
    assert boosted(512, 3840, 60, 15000) == 512


@pytest.mark.parametrize(
    ("managed", "high", "factor"), [(772915, 12272, 0), (772915, 0, 15000), (2047, 60, 15000)]
)
def test_no_boost(managed: int, high: int, factor: int) -> None:
    assert boosted(7, managed, high, factor) == 7


@pytest.mark.parametrize(("managed", "threshold"), [(3840, 4), (772915, 24), (819200, 24)])
def test_stat_threshold_of_two_cpus(managed: int, threshold: int) -> None:
    assert stat_threshold(managed, 2) == threshold


def test_stat_threshold_ceiling() -> None:
    assert stat_threshold(1 << 33, 4096) == 125


def test_pressure_threshold_keeps_drift_within_the_marks() -> None:
    assert pressure_stat_threshold(Watermarks(28, 35, 42, 49), 2) == 3
    assert pressure_stat_threshold(Watermarks(28, 28, 28, 28), 2) == 1
    assert pressure_stat_threshold(Watermarks(0, 9000, 9000, 9000), 1) == 125


def test_drift_mark_only_when_drift_could_hide_the_low_mark() -> None:
    assert drift_mark(Watermarks(40, 50, 60, 70), 2, 4) == 0
    assert drift_mark(Watermarks(40, 50, 60, 70), 4, 4) == 76


def test_totalreserve() -> None:
    assert totalreserve((0, 3019, 6219), 60, 3840) == 3840
    assert totalreserve((0, 0, 3200), 12272, 772915) == 15472

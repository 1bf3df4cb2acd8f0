"""What a mask means to each kernel (fact sheet 3.4, 4.4, 4.5)."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.gfp import Gfp, composite, decode_mask
from buddysim.kernel.gfp_contradiction import contradictions
from buddysim.kernel.gfp_reading import read_mask, read_names
from buddysim.kernel.profile import PROFILES


def test_0x4020_of_2_6_25() -> None:
    reading = read_mask(0x4020, "2.6.25")
    assert reading.names == "GFP_ATOMIC|__GFP_COMP"
    assert (reading.may_sleep, reading.wakes_kswapd, reading.warns) == (False, True, True)
    assert reading.min_mark_percent == 37.5
    assert reading.reserves == (
        "half of the min watermark (__GFP_HIGH)",
        "a quarter of the rest (cannot sleep)",
    )
    assert (reading.migratetype, reading.zone) == ("Unmovable", "Normal")
    assert reading.is_likely


def test_the_same_number_is_something_else_today() -> None:
    reading = read_mask(0x4020, "6.12")
    assert reading.names == "__GFP_HIGH|__GFP_RETRY_MAYFAIL"
    assert not reading.wakes_kswapd
    assert reading.contradictions == (
        "__GFP_RETRY_MAYFAIL without direct reclaim: nothing to retry",
    )
    assert not reading.is_likely


def test_only_the_right_eras_find_a_mask_likely() -> None:
    likely = [name for name in PROFILES if read_mask(0x14000C0, name).is_likely]
    assert likely == ["4.14"]
    assert [name for name in PROFILES if read_mask(0x6000C0, name).is_likely] == ["4.19"]


@pytest.mark.parametrize("profile", PROFILES)
def test_names_encode_in_every_era(profile: str) -> None:
    reading = read_names("GFP_KERNEL|__GFP_NOWARN", profile)
    assert reading.names == "GFP_KERNEL|__GFP_NOWARN"
    assert reading.lost_flags == ""
    assert not reading.warns
    assert reading.may_sleep
    assert reading.may_start_io
    assert reading.may_enter_fs
    assert read_mask(reading.mask, profile) == reading


def test_flags_that_an_era_lacks_are_named() -> None:
    reading = read_names("GFP_KERNEL|__GFP_ACCOUNT|__GFP_WRITE", "2.6.25")
    assert reading.mask == 0xD0
    assert reading.lost_flags == "__GFP_WRITE|__GFP_ACCOUNT"


def test_renamed_retry_flag_is_not_lost() -> None:
    reading = read_names("GFP_KERNEL|__GFP_REPEAT", "6.12")
    assert (reading.names, reading.lost_flags) == ("GFP_KERNEL|__GFP_RETRY_MAYFAIL", "")


@pytest.mark.parametrize(
    ("profile", "percent"), [("2.6.25", 75.0), ("3.13", 75.0), ("4.4", 100.0), ("6.12", 100.0)]
)
def test_nowait_by_era(profile: str, percent: float) -> None:
    assert read_names("GFP_NOWAIT", profile).min_mark_percent == percent


def test_nowait_is_silent_since_6_3_row() -> None:
    assert read_names("GFP_NOWAIT", "6.1").warns
    assert not read_names("GFP_NOWAIT", "6.12").warns


def test_memalloc_and_movable_reserves() -> None:
    reading = read_names("GFP_KERNEL|__GFP_MEMALLOC", "6.12")
    assert (reading.reserves, reading.min_mark_percent) == (
        ("everything: no watermark applies",),
        0.0,
    )
    assert read_names("GFP_HIGHUSER_MOVABLE", "6.12").reserves == ("CMA areas",)
    assert read_names("GFP_HIGHUSER_MOVABLE", "2.6.25").reserves == ()
    assert "highatomic pageblocks, order > 0" in read_names("GFP_ATOMIC", "4.19").reserves


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("GFP_DMA|GFP_DMA32", "more than one of"),
        ("GFP_KERNEL|__GFP_MOVABLE|__GFP_RECLAIMABLE", "one mobility"),
        ("GFP_KERNEL|__GFP_MEMALLOC|__GFP_NOMEMALLOC", "the latter wins"),
        ("GFP_ATOMIC|__GFP_NOFAIL", "without direct reclaim"),
        ("GFP_KERNEL|__GFP_NOFAIL|__GFP_NORETRY", "may not retry"),
        ("GFP_KERNEL|__GFP_ATOMIC", "must not sleep"),
    ],
)
def test_contradictions(text: str, wrong: str) -> None:
    reading = read_names(text, "6.1")
    assert len(reading.contradictions) == 1
    assert wrong in reading.contradictions[0]


def test_invalid_masks_have_no_zone_or_type() -> None:
    assert read_names("GFP_DMA|GFP_DMA32", "6.12").zone == "invalid"
    assert read_mask(0x18, "6.12").migratetype == "invalid"


@pytest.mark.parametrize("profile", PROFILES)
def test_named_masks_contradict_nothing(profile: str) -> None:
    for name in ("GFP_ATOMIC", "GFP_NOWAIT", "GFP_NOIO", "GFP_KERNEL", "GFP_HIGHUSER_MOVABLE"):
        assert contradictions(composite(name, profile)) == ()


def test_unknown_bits_are_kept_apart() -> None:
    reading = read_mask(0x800000D0, "2.6.25")
    assert reading.unknown_bits == 0x80000000
    assert reading.canonical == decode_mask(0xD0, "2.6.25")
    assert not reading.is_likely


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(ConfigError):
        read_mask(1 << 32, "6.12")


def test_slab_first_attempt_may_neither_sleep_nor_start_io() -> None:
    text = "__GFP_IO|__GFP_FS|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC"
    reading = read_names(text, "6.12")
    assert not reading.may_start_io
    assert not reading.may_enter_fs
    assert not reading.canonical & Gfp.KSWAPD_RECLAIM
    assert reading.contradictions == ()

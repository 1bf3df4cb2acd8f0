"""Every profile against the fact sheet's table of knobs (17) and its era columns.

The behaviour that the knobs select is tested where it lives; here it is the facts themselves.
"""

from __future__ import annotations

import dataclasses

import pytest

from buddysim.kernel.gfp import Gfp, composite, encode_mask
from buddysim.kernel.migratetype import from_printed, printed_order
from buddysim.kernel.pcp import pcp_sizes
from buddysim.kernel.profile import DEFAULT_PROFILE, PROFILES, Profile
from buddysim.kernel.tracepoint import is_available
from buddysim.kernel.watermark import min_free_kbytes_default, zone_watermarks

SHEET = ("2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12", "6.18")
"""Columns of section 17; 4.9 and 4.14 are rows of ours between them."""

KNOBS: dict[str, tuple[object, ...]] = {
    "gfp_era": ("2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12", "6.18"),
    "migratetype_numbering": ("old",) * 3 + ("new",) * 5,
    "min_free_kbytes_max": (65536,) * 5 + (262144,) * 3,
    "spacing": ("share",) * 4 + ("delta",) * 4,
    "zone_size": ("present",) * 2 + ("managed",) * 6,
    "has_boost": (False,) * 5 + (True,) * 3,
    "fallback": ("2.6.25", "2.6.32", "3.13", "4.4", "classic", "classic", "claim", "claim"),
    "highatomic": ("reserve",) * 3 + ("1%+block",) * 3 + ("round-up",) * 2,
    "nofragment": (False,) * 5 + (True,) * 3,
    "tail_rule": (False,) * 2 + (True,) * 6,
    "pcp_orders": ((0,),) * 5 + ((0, 1, 2, 3, 9),) * 3,
    "pcp": ("fixed",) * 5 + ("low", "dynamic", "dynamic"),
    "slowpath": ("2.6.25", "2.6.32", "3.13", "4.4", "4.19", "modern", "modern", "modern"),
    "compaction": (False,) * 2 + (True,) * 6,
    "warning_line": ("failure.",) * 2 + ("failure:",) * 2 + ("names-nodemask",) * 4,
    "ratelimit": ("token-bucket", "window-shared") + ("window",) * 6,
    "ratelimit_interval_s": (5,) * 5 + (10,) * 3,
    "ratelimit_burst": (10,) * 5 + (1,) * 3,
    "trace_pfn": ("none",) + ("decimal",) * 4 + ("hex",) * 3,
    "trace_flags": (0, 0, 4, 4, 4, 5, 5, 5),
    "printk_names": (False,) * 4 + (True,) * 4,
}


@pytest.mark.parametrize(
    ("knob", "profile", "value"),
    [
        (knob, profile, value)
        for knob, values in KNOBS.items()
        for profile, value in zip(SHEET, values, strict=True)
    ],
)
def test_knob(knob: str, profile: str, value: object) -> None:
    assert getattr(PROFILES[profile], knob) == value


def test_every_knob_is_pinned_somewhere() -> None:
    others = {
        "name",
        "since",
        "provenance",
        "watermark_rule",
        "reserve_ratio_min",
        "thp_raises_min_free",
        "has_promo",
        "pcp_batch_cap_pages",
        "ratelimit_reopen",
        "suppressed_text",
    }
    assert {field.name for field in dataclasses.fields(Profile)} == set(KNOBS) | others


@pytest.mark.parametrize(
    ("profile", "rule"),
    [("2.6.25", "loop"), ("2.6.32", "loop"), ("3.13", "loop-cma"), ("4.4", "list"),
     ("4.19", "list-oom"), ("6.12", "free-highatomic"), ("6.18", "free-highatomic")],
)  # fmt: skip
def test_watermark_rule(profile: str, rule: str) -> None:
    assert PROFILES[profile].watermark_rule == rule


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ("2.6.25", "printk: 7 messages suppressed."),
        ("2.6.32", "__ratelimit: 7 callbacks suppressed"),
        ("3.13", "warn_alloc_failed: 7 callbacks suppressed"),
        ("4.4", "warn_alloc_failed: 7 callbacks suppressed"),
        ("4.9", "warn_alloc_failed: 7 callbacks suppressed"),
        ("4.19", "warn_alloc: 7 callbacks suppressed"),
        ("6.12", "warn_alloc: 7 callbacks suppressed"),
    ],
)
def test_suppressed_text(profile: str, text: str) -> None:
    assert PROFILES[profile].suppressed_text.format(n=7) == text


@pytest.mark.parametrize("profile", SHEET)
def test_window_reopens_late_only_through_4_4(profile: str) -> None:
    late = profile in {"2.6.32", "3.13", "4.4"}
    assert PROFILES[profile].ratelimit_reopen == ("second-call" if late else "now")


@pytest.mark.parametrize("profile", SHEET)
def test_thp_raises_min_free_since_2_6_38(profile: str) -> None:
    assert PROFILES[profile].thp_raises_min_free == (profile not in {"2.6.25", "2.6.32"})


@pytest.mark.parametrize(
    ("profile", "batch", "high"),
    [("2.6.25", 31, 186), ("2.6.32", 31, 186), ("3.13", 31, 186), ("4.4", 31, 186),
     ("4.19", 63, 378), ("6.1", 63, 2500), ("6.12", 63, 2500), ("6.18", 63, 2500)],
)  # fmt: skip
def test_pcp_of_a_4_gib_zone(profile: str, batch: int, high: int) -> None:
    sizes = pcp_sizes(1 << 20, 10000, PROFILES[profile], local_cpus=4)
    assert (sizes.batch, sizes.high_min) == (batch, high)
    assert (sizes.high_max > sizes.high_min) == (PROFILES[profile].pcp == "dynamic")


@pytest.mark.parametrize("profile", SHEET)
def test_marks_of_a_1_gib_zone(profile: str) -> None:
    row = PROFILES[profile]
    pages = 1 << 18
    kbytes = min_free_kbytes_default(pages * 4, row)
    marks = zone_watermarks(pages, pages, kbytes, row)
    delta = 256 if row.spacing == "share" else 262
    assert (kbytes, marks.min, marks.low, marks.high) == (
        4096,
        1024,
        1024 + delta,
        1024 + 2 * delta,
    )
    assert marks.promo == (1024 + 3 * delta if row.has_promo else 0)


@pytest.mark.parametrize("profile", SHEET)
def test_type_one_and_two_swapped_in_4_4(profile: str) -> None:
    swapped = profile in {"2.6.25", "2.6.32", "3.13"}
    assert from_printed(1, profile) == (2 if swapped else 1)
    assert from_printed(2, profile) == (1 if swapped else 2)
    assert len(printed_order(profile)) == (5 if profile in {"2.6.25", "2.6.32"} else 6)


ATOMIC = {
    "2.6.25": 0x20, "2.6.32": 0x20, "3.13": 0x20, "4.4": 0x2080020, "4.9": 0x2080020,
    "4.14": 0x1080020, "4.19": 0x480020, "6.1": 0xA20, "6.12": 0x820, "6.18": 0x820,
}  # fmt: skip
KERNEL = {
    "2.6.25": 0xD0, "2.6.32": 0xD0, "3.13": 0xD0, "4.4": 0x24000C0, "4.9": 0x24000C0,
    "4.14": 0x14000C0, "4.19": 0x6000C0, "6.1": 0xCC0, "6.12": 0xCC0, "6.18": 0xCC0,
}  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_the_two_masks_everybody_knows(profile: str) -> None:
    assert encode_mask(composite("GFP_ATOMIC", profile), profile) == ATOMIC[profile]
    assert encode_mask(composite("GFP_KERNEL", profile), profile) == KERNEL[profile]
    assert composite("GFP_KERNEL", profile) == 0xCC0
    assert composite("GFP_ATOMIC", profile) & ~Gfp.ATOMIC == 0x820


@pytest.mark.parametrize("profile", PROFILES)
def test_tracing_exists_where_the_profile_says_so(profile: str) -> None:
    assert is_available("mm_page_alloc", profile) == (PROFILES[profile].trace_pfn != "none")


def test_default_profile_is_a_row() -> None:
    assert DEFAULT_PROFILE in PROFILES

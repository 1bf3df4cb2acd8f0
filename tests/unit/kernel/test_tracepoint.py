"""Tracepoint text by era (fact sheet 13.2), against captured and sourced lines."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.profile import PROFILES
from buddysim.kernel.tracepoint import (
    TRACEPOINTS,
    is_available,
    layout_of,
    modern_name,
    printed_name,
)

PAGE = {"page": 0x371ABABB, "pfn": 0x1B8AE3, "order": 0, "migratetype": 1}


@pytest.mark.parametrize(
    ("name", "release", "fields", "text"),
    [
        (
            "mm_page_alloc",
            "6.18",
            PAGE | {"gfp_flags": "GFP_HIGHUSER_MOVABLE|__GFP_COMP"},
            "page=00000000371ababb pfn=0x1b8ae3 order=0 migratetype=1 "
            "gfp_flags=GFP_HIGHUSER_MOVABLE|__GFP_COMP",
        ),
        (
            "mm_page_alloc",
            "4.19",
            PAGE | {"gfp_flags": "GFP_KERNEL"},
            "page=00000000371ababb pfn=1805027 order=0 migratetype=1 gfp_flags=GFP_KERNEL",
        ),
        (
            "mm_page_alloc",
            "6.12",
            {"page": 0, "pfn": 0, "order": 0, "migratetype": 0, "gfp_flags": "GFP_KERNEL"},
            "page=0000000000000000 pfn=0x0 order=0 migratetype=0 gfp_flags=GFP_KERNEL",
        ),
        ("mm_page_free", "6.1", PAGE, "page=00000000371ababb pfn=0x1b8ae3 order=0"),
        (
            "mm_page_free_batched",
            "3.13",
            PAGE | {"cold": 1},
            "page=00000000371ababb pfn=1805027 order=0 cold=1",
        ),
        ("mm_page_free_batched", "4.19", PAGE, "page=00000000371ababb pfn=1805027 order=0"),
        (
            "mm_page_pcpu_drain",
            "6.18",
            PAGE,
            "page=00000000371ababb pfn=0x1b8ae3 order=0 migratetype=1",
        ),
        (
            "mm_vmscan_direct_reclaim_begin",
            "4.19",
            {"order": 1, "may_writepage": 1, "gfp_flags": "GFP_KERNEL", "classzone_idx": 2},
            "order=1 may_writepage=1 gfp_flags=GFP_KERNEL classzone_idx=2",
        ),
        (
            "mm_vmscan_direct_reclaim_begin",
            "6.12",
            {"order": 1, "gfp_flags": "GFP_KERNEL"},
            "order=1 gfp_flags=GFP_KERNEL",
        ),
    ],
)
def test_layouts(name: str, release: str, fields: dict[str, object], text: str) -> None:
    assert layout_of(name, release).format(**fields) == text


def test_slab_events_gained_name_and_node() -> None:
    fields = {
        "call_site": "getname_flags.part.0+0x24/0x1f0",
        "ptr": 0x989065BE,
        "name": "names_cache",
        "bytes_req": 4096,
        "bytes_alloc": 4096,
        "gfp_flags": "GFP_KERNEL",
        "node": -1,
        "accounted": "false",
    }
    old = layout_of("kmem_cache_alloc", "4.19").format(**fields)
    assert old.endswith("gfp_flags=GFP_KERNEL")
    assert "name=" not in layout_of("kmem_cache_alloc", "6.1").format(**fields)
    assert layout_of("kmem_cache_alloc", "6.18").format(**fields) == (
        "call_site=getname_flags.part.0+0x24/0x1f0 ptr=00000000989065be name=names_cache "
        "bytes_req=4096 bytes_alloc=4096 gfp_flags=GFP_KERNEL node=-1 accounted=false"
    )


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mm_page_free", "mm_page_free_direct", "mm_page_free"),
        ("mm_page_free_batched", "mm_pagevec_free", "mm_page_free_batched"),
        ("mm_page_alloc", "mm_page_alloc", "mm_page_alloc"),
    ],
)
def test_names_before_and_after_3_3(name: str, old: str, new: str) -> None:
    assert printed_name(name, "2.6.32") == printed_name(old, "3.2") == old
    assert printed_name(name, "3.3") == printed_name(old, "6.12") == new
    assert modern_name(old) == new


def test_2_6_25_has_no_tracepoints() -> None:
    assert not any(is_available(name, "2.6.25") for name in TRACEPOINTS)
    with pytest.raises(ConfigError, match=r"mm_page_alloc in 2\.6\.25.*since 2\.6\.32"):
        layout_of("mm_page_alloc", "2.6.25")


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "2.6.25"])
def test_pfn_style_agrees_with_the_profile(profile: str) -> None:
    is_hex = "{pfn:#x}" in layout_of("mm_page_alloc", profile)
    assert is_hex == (PROFILES[profile].trace_pfn == "hex")


def test_layouts_are_in_order_of_release() -> None:
    for event in TRACEPOINTS.values():
        releases = [since for since, _ in event.layouts]
        assert releases == sorted(releases)
        assert releases[0] == event.since


def test_unknown_event_is_refused() -> None:
    with pytest.raises(ConfigError, match="mm_page_party"):
        is_available("mm_page_party", "6.12")

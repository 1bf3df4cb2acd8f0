"""One row of knobs per modelled kernel era (fact sheet 17): everything else asks the row.

Which row a release gets: the last one whose ``since`` is not newer.  So 4.14 is its own row,
5.4 and 5.15 take the row labelled 6.1 (it holds since 5.0), 6.8 takes 6.12, and anything newer
than the last row takes the last.  ``provenance`` says what a row rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from buddysim.errors import ConfigError
from buddysim.kernel.release import row_of_release

__all__ = ["DEFAULT_PROFILE", "PROFILES", "Profile", "era_of_release", "profile_of"]

DEFAULT_PROFILE = "6.12"


@dataclass(frozen=True)
class Profile:
    """The knobs of one era."""

    name: str
    since: tuple[int, ...]
    """First release that the row stands for."""
    provenance: str
    gfp_era: str
    """Column of the GFP tables (fact sheet 4.1)."""
    migratetype_numbering: Literal["old", "new"]
    watermark_rule: Literal[
        "loop", "loop-cma", "list", "list-oom", "min-reserve", "free-highatomic"
    ]
    """Section 3.4, 3.5.  ``loop``: small blocks excluded order by order; ``min-reserve``: today's
    rights, but all reserved highatomic pages subtracted."""
    min_free_kbytes_max: int
    spacing: Literal["share", "delta"]
    """low = min + share/4, or min + max(share/4, scale factor)."""
    zone_size: Literal["present", "managed"]
    """Which page count the watermark and reserve formulas use."""
    reserve_ratio_min: int
    """Smallest lowmem_reserve_ratio: 1 where the kernel raises 0 to 1, else 0 = no reserve."""
    thp_raises_min_free: bool
    """khugepaged raises min_free_kbytes (section 3.1)."""
    has_boost: bool
    has_promo: bool
    fallback: Literal["2.6.25", "2.6.32", "3.13", "4.4", "classic", "claim"]
    highatomic: Literal["reserve", "1%+block", "round-up"]
    nofragment: bool
    tail_rule: bool
    """A freed block whose merge is likely goes to the list's tail (section 1.5)."""
    pcp_orders: tuple[int, ...]
    pcp: Literal["fixed", "low", "dynamic"]
    """How pcp high is found (section 7.2)."""
    pcp_batch_cap_pages: int
    slowpath: Literal["2.6.25", "2.6.32", "3.13", "4.4", "4.19", "modern"]
    compaction: bool
    warning_line: Literal["failure.", "failure:", "names", "names-nodemask"]
    ratelimit: Literal["token-bucket", "window-shared", "window"]
    ratelimit_interval_s: int
    ratelimit_burst: int
    ratelimit_reopen: Literal["second-call", "now"]
    """When an expired window starts anew (section 10.6 step 4)."""
    suppressed_text: str
    """Format with ``{n}``."""
    trace_pfn: Literal["none", "decimal", "hex"]
    trace_flags: int
    """Characters of ftrace's flags column; 0 = no column."""
    printk_names: bool
    """The kernel log prints GFP names after the hex mask."""


_2_6_25 = Profile(
    name="2.6.25",
    since=(2, 6, 24),
    provenance="fact sheet 17 and the 2.6.25 columns of 1..7, 10; read in 2.6.25",
    gfp_era="2.6.25",
    migratetype_numbering="old",
    watermark_rule="loop",
    min_free_kbytes_max=65536,
    spacing="share",
    zone_size="present",
    reserve_ratio_min=1,
    thp_raises_min_free=False,
    has_boost=False,
    has_promo=False,
    fallback="2.6.25",
    highatomic="reserve",
    nofragment=False,
    tail_rule=False,
    pcp_orders=(0,),
    pcp="fixed",
    pcp_batch_cap_pages=128,
    slowpath="2.6.25",
    compaction=False,
    warning_line="failure.",
    ratelimit="token-bucket",
    ratelimit_interval_s=5,
    ratelimit_burst=10,
    ratelimit_reopen="now",
    suppressed_text="printk: {n} messages suppressed.",
    trace_pfn="none",
    trace_flags=0,
    printk_names=False,
)

_2_6_32 = replace(
    _2_6_25,
    name="2.6.32",
    since=(2, 6, 27),
    provenance="fact sheet 17, 5.7, 6.3, 10.6; read in 2.6.32; first release from memory",
    gfp_era="2.6.32",
    fallback="2.6.32",
    slowpath="2.6.32",
    ratelimit="window-shared",
    ratelimit_reopen="second-call",
    suppressed_text="__ratelimit: {n} callbacks suppressed",
    trace_pfn="decimal",
)

_3_13 = replace(
    _2_6_32,
    name="3.13",
    since=(3, 0),
    provenance="fact sheet 17, 3.5, 5.7, 6.3; read in 3.13; 3.0..3.12 taken as alike",
    gfp_era="3.13",
    watermark_rule="loop-cma",
    zone_size="managed",
    thp_raises_min_free=True,
    fallback="3.13",
    tail_rule=True,
    slowpath="3.13",
    compaction=True,
    warning_line="failure:",
    ratelimit="window",
    suppressed_text="warn_alloc_failed: {n} callbacks suppressed",
    trace_flags=4,
)

_4_4 = replace(
    _3_13,
    name="4.4",
    since=(4, 4),
    provenance="fact sheet 17, 3.4, 5.7, 6.3, 6.6; read in 4.4.155",
    gfp_era="4.4",
    migratetype_numbering="new",
    watermark_rule="list",
    fallback="4.4",
    highatomic="1%+block",
    slowpath="4.4",
)

_4_9 = replace(
    _4_4,
    name="4.9",
    since=(4, 6),
    provenance="GFP column read in a 4.9 vendor tree; spacing, retry rules and log lines of fact "
    "sheet 3.2, 5.7, 10.1; the rest as 4.4 from memory",
    gfp_era="4.9",
    spacing="delta",
    slowpath="4.19",
    warning_line="names",
    ratelimit_reopen="now",
    printk_names=True,
)

_4_19 = replace(
    _4_9,
    name="4.19",
    since=(4, 16),
    provenance="fact sheet 17; read in 4.19",
    gfp_era="4.19",
    watermark_rule="list-oom",
    reserve_ratio_min=0,
    fallback="classic",
    pcp_batch_cap_pages=256,
    warning_line="names-nodemask",
    suppressed_text="warn_alloc: {n} callbacks suppressed",
)

_4_14 = replace(
    _4_19,
    name="4.14",
    since=(4, 13),
    provenance="as 4.19 with the GFP bits of 4.13..4.15 (fact sheet 4.2, from memory)",
    gfp_era="4.14",
    reserve_ratio_min=1,
    pcp_batch_cap_pages=128,
)

_6_1 = replace(
    _4_19,
    name="6.1",
    since=(5, 0),
    provenance="fact sheet 17; read in 6.1-rc7, reserve rights as recorded on long-term 6.1.192 "
    "(which carries 6.3's); 5.0..6.2 share its GFP column, while its pcp "
    "orders (5.13), hex pfn (5.16) and 10 s rate limit (5.5) are newer than its first releases",
    gfp_era="6.1",
    watermark_rule="min-reserve",
    min_free_kbytes_max=262144,
    has_boost=True,
    has_promo=True,
    nofragment=True,
    pcp_orders=(0, 1, 2, 3, 9),
    pcp="low",
    slowpath="modern",
    ratelimit_interval_s=10,
    ratelimit_burst=1,
    trace_pfn="hex",
    trace_flags=5,
)

_6_12 = replace(
    _6_1,
    name="6.12",
    since=(6, 3),
    provenance="fact sheet 17; read in a 6.12.y tree and checked by recordings; a pristine 6.12.0 "
    "still had 6.1's fallback scheme",
    gfp_era="6.12",
    watermark_rule="free-highatomic",
    fallback="claim",
    highatomic="round-up",
    pcp="dynamic",
)

_6_18 = replace(
    _6_12,
    name="6.18",
    since=(6, 15),
    gfp_era="6.18",
    provenance="fact sheet 17; files, traces, marks and pcp sizes observed live, source not read",
)

PROFILES: dict[str, Profile] = {
    row.name: row
    for row in (
        _2_6_25,
        _2_6_32,
        _3_13,
        _4_4,
        _4_9,
        _4_14,
        _4_19,
        _6_1,
        _6_12,
        _6_18,
    )
}
"""Rows by name, oldest first."""

_BY_RELEASE = tuple((row.since, row) for row in PROFILES.values())


def profile_of(name: str) -> Profile:
    """The row called ``name``, or the one that stands for that release (module docstring).

    Raises ConfigError when ``name`` is neither.
    """
    if name in PROFILES:
        return PROFILES[name]
    try:
        return row_of_release(name, _BY_RELEASE)
    except ConfigError as error:
        raise ConfigError(
            f"profile {name!r}", expected="one of " + ", ".join(PROFILES), hint=error.expected
        ) from None


def era_of_release(release: str) -> str:
    """Profile of a kernel release such as ``6.1.0-13-amd64``; empty when it is none."""
    try:
        return profile_of(release).name
    except ConfigError:
        return ""

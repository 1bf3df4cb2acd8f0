"""What a GFP mask means to one kernel: rights, reserves, zone, contradictions (fact sheet 4.5).

Plain data for the ``gfp`` verb and for whoever explains a mask in a report.
"""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.errors import ConfigError
from buddysim.kernel.constants import ZONE_NAMES
from buddysim.kernel.gfp import (
    Gfp,
    decode_mask,
    encode_mask,
    format_raw,
    parse_names,
    unknown_bits,
)
from buddysim.kernel.gfp_contradiction import contradictions
from buddysim.kernel.gfp_table import COMPOSITES
from buddysim.kernel.migratetype import NAMES, from_gfp
from buddysim.kernel.profile import Profile, profile_of
from buddysim.kernel.reserve import effective_min, rights_of
from buddysim.kernel.zone import highest_zone

__all__ = ["Reading", "read_mask", "read_names"]

_WHOLE = 1000


@dataclass(frozen=True)
class Reading:
    """A mask as one kernel understands it."""

    profile: str
    mask: int
    """The era's own number."""
    canonical: int
    names: str
    """As the kernel log would print them."""
    unknown_bits: int
    """Bits of ``mask`` without meaning in this era."""
    lost_flags: str
    """Flags asked for by name that this era lacks; empty for a number."""
    may_sleep: bool
    wakes_kswapd: bool
    may_start_io: bool
    may_enter_fs: bool
    warns: bool
    """A failure is reported in the kernel log."""
    min_mark_percent: float
    """Share of the min watermark that must stay free; 0 = no watermark applies."""
    reserves: tuple[str, ...]
    migratetype: str
    zone: str
    """Highest zone on x86-64."""
    zone_32bit: str
    """Highest zone on a 32-bit machine with HighMem."""
    contradictions: tuple[str, ...]
    is_likely: bool
    """Nothing unknown or contradictory, and it contains a mask that kernel code names."""


def read_mask(raw: int, profile_name: str) -> Reading:
    """Read a number printed by a kernel.  Raises ConfigError for more than 32 bits."""
    profile = profile_of(profile_name)
    return _reading(raw, decode_mask(raw, profile.gfp_era), "", profile)


def read_names(text: str, profile_name: str) -> Reading:
    """Read names (or hex) as code of that kernel would mean them.  Raises ConfigError."""
    profile = profile_of(profile_name)
    canonical = parse_names(text, profile.gfp_era)
    raw = encode_mask(canonical, profile.gfp_era)
    lost = canonical & ~decode_mask(raw, profile.gfp_era) & ~_retry_twin(canonical)
    names = "|".join(f"__GFP_{flag.name}" for flag in Gfp if lost & flag)
    return _reading(raw, decode_mask(raw, profile.gfp_era), names, profile)


def _retry_twin(canonical: int) -> int:
    """REPEAT and RETRY_MAYFAIL stand for each other, so neither counts as lost."""
    both = int(Gfp.REPEAT | Gfp.RETRY_MAYFAIL)
    return both if canonical & both else 0


def _reading(raw: int, canonical: int, lost: str, profile: Profile) -> Reading:
    names = format_raw(raw, profile.gfp_era)
    unknown = unknown_bits(raw, profile.gfp_era)
    wrong = contradictions(canonical)
    rights = rights_of(canonical, profile)
    return Reading(
        profile=profile.name,
        mask=raw,
        canonical=canonical,
        names=names,
        unknown_bits=unknown,
        lost_flags=lost,
        may_sleep=bool(canonical & Gfp.DIRECT_RECLAIM),
        wakes_kswapd=bool(canonical & Gfp.KSWAPD_RECLAIM),
        may_start_io=canonical & (Gfp.IO | Gfp.DIRECT_RECLAIM) == Gfp.IO | Gfp.DIRECT_RECLAIM,
        may_enter_fs=canonical & (Gfp.FS | Gfp.DIRECT_RECLAIM) == Gfp.FS | Gfp.DIRECT_RECLAIM,
        warns=not canonical & Gfp.NOWARN,
        min_mark_percent=effective_min(_WHOLE, rights, profile) * 100 / _WHOLE,
        reserves=_reserves(canonical, profile),
        migratetype=_migratetype(canonical),
        zone=_zone(canonical, has_highmem=False),
        zone_32bit=_zone(canonical, has_highmem=True),
        contradictions=wrong,
        is_likely=not unknown
        and not wrong
        and any(word in COMPOSITES[profile.gfp_era] for word in names.split("|")),
    )


def _reserves(canonical: int, profile: Profile) -> tuple[str, ...]:
    """What the request may use that others may not (3.4)."""
    rights = rights_of(canonical, profile)
    if rights.no_watermarks:
        return ("everything: no watermark applies",)
    found = []
    if rights.half:
        found.append("half of the min watermark (__GFP_HIGH)")
    if rights.quarter:
        rest = "the rest" if rights.half else "the min watermark"
        found.append(f"a quarter of {rest} (cannot sleep)")
    if profile.highatomic != "reserve" and rights.quarter:
        found.append("highatomic pageblocks, order > 0")
    if canonical & Gfp.MOVABLE and profile.name not in {"2.6.25", "2.6.32"}:
        found.append("CMA areas")
    return tuple(found)


def _migratetype(canonical: int) -> str:
    try:
        return NAMES[from_gfp(canonical)]
    except ConfigError:
        return "invalid"


def _zone(canonical: int, *, has_highmem: bool) -> str:
    try:
        return ZONE_NAMES[highest_zone(canonical, has_highmem=has_highmem)]
    except ConfigError:
        return "invalid"

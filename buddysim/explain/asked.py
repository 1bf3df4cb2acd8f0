"""What a report's request asked for: its kernel era and the canonical meaning of its mask.

A number means different things to different kernels.  The version line decides; without one, the
wording of the report narrows the eras down and every reading left is kept (failure-causes.md,
traps).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from buddysim.errors import ConfigError
from buddysim.kernel.gfp import Gfp, decode_mask, format_raw, parse_names, unknown_bits
from buddysim.kernel.profile import PROFILES, Profile, profile_of
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["Asked", "read_asked"]

_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_NAMELESS = ("2.6.32", "2.6.25", "3.13", "4.4")
_NAMED = ("6.12", "6.1", "4.19")


@dataclass(frozen=True)
class Asked:
    """A request as its kernel understood it."""

    profile: Profile
    is_era_known: bool
    """From a version or the caller's word; otherwise from the report's wording."""
    gfp: int | None
    """Canonical mask; None when the report prints none."""
    readings: tuple[tuple[str, str], ...]
    """Era and names for every reading that is possible, the chosen one first."""

    @property
    def may_sleep(self) -> bool:
        """The mask allows direct reclaim."""
        return bool((self.gfp or 0) & Gfp.DIRECT_RECLAIM)


def read_asked(report: FailureReport, forced: str | None = None) -> Asked:
    """Raises ConfigError only for a ``forced`` era that does not exist."""
    if forced is not None:
        return _read(report, (profile_of(forced).name,), known=True)
    version = _VERSION.match(report.kernel or "")
    if version is not None:
        try:
            return _read(report, (profile_of(version[0]).name,), known=True)
        except ConfigError:
            pass  # 2.4 and nonsense: judged by the wording below
    return _read(report, _eras_of_wording(report), known=False)


def _eras_of_wording(report: FailureReport) -> tuple[str, ...]:
    """Eras that could have printed this report, likeliest first."""
    if report.kind == "alloc_2_4":
        return ("2.6.25",)
    if report.mode is None:
        return ("6.12",)
    value = int(report.mode, 16) & 0xFFFFFFFF
    names = "|".join(report.gfp or ())
    eras = _NAMED if names else _NAMELESS
    fitting = [era for era in eras if _fits(value, names, PROFILES[era])]
    return tuple(fitting or eras[:1])


def _fits(value: int, names: str, profile: Profile) -> bool:
    if unknown_bits(value, profile.gfp_era):
        return False
    if not names:
        return True
    try:
        return parse_names(names, profile.gfp_era) == decode_mask(value, profile.gfp_era)
    except ConfigError:
        return False


def _read(report: FailureReport, eras: tuple[str, ...], *, known: bool) -> Asked:
    profile = PROFILES[eras[0]]
    if report.mode is None:
        return Asked(profile, known, None, ())
    value = int(report.mode, 16) & 0xFFFFFFFF
    readings = tuple((era, format_raw(value, PROFILES[era].gfp_era)) for era in eras)
    return Asked(profile, known, _mask(report, value, profile), readings)


def _mask(report: FailureReport, value: int, profile: Profile) -> int:
    """The printed names win over the number: they survive vendors' own bits."""
    if report.gfp:
        try:
            return parse_names("|".join(report.gfp), profile.gfp_era)
        except ConfigError:
            pass  # a name cut or unknown: the number is whole
    return decode_mask(value, profile.gfp_era)

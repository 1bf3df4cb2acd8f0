"""The answer of ``buddysim gfp``: a mask or names as one kernel, or every kernel, reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from buddysim import __version__
from buddysim.kernel.gfp import format_raw
from buddysim.kernel.gfp_reading import Reading, read_mask, read_names
from buddysim.kernel.profile import PROFILES, profile_of

__all__ = ["GfpAnswer", "answer_gfp", "gfp_document"]

_HEX = re.compile(r"0[xX][0-9a-fA-F]+")


@dataclass(frozen=True)
class GfpAnswer:
    """Readings of one input, oldest kernel first."""

    text: str
    is_number: bool
    readings: tuple[Reading, ...]


def answer_gfp(text: str, profile: str | None = None) -> GfpAnswer:
    """Read a printed number, or encode names, for one profile or for all of them.

    Raises ConfigError for words of no era, naming the nearest, and for an unknown profile.
    """
    text = text.strip()
    is_number = _HEX.fullmatch(text) is not None
    names = [profile_of(profile).name] if profile else list(PROFILES)
    if is_number:
        readings = tuple(read_mask(int(text, 16), name) for name in names)
    else:
        readings = tuple(read_names(text, name) for name in names)
    return GfpAnswer(text, is_number, readings)


def gfp_document(answer: GfpAnswer) -> dict[str, Any]:
    """The answer as JSON-ready data, schema ``buddysim/gfp/1``.  Masks are hex text."""
    return {
        "schema": "buddysim/gfp/1",
        "buddysim": __version__,
        "input": answer.text,
        "input_kind": "mask" if answer.is_number else "names",
        "readings": [_reading(reading) for reading in answer.readings],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    era = PROFILES[reading.profile].gfp_era
    return {
        "profile": reading.profile,
        "mask": f"{reading.mask:#x}",
        "canonical_mask": f"{reading.canonical:#x}",
        "names": reading.names.split("|") if reading.names else [],
        "trace_text": format_raw(reading.mask, era, "trace"),
        "unknown_bits": f"{reading.unknown_bits:#x}",
        "lost_flags": reading.lost_flags.split("|") if reading.lost_flags else [],
        "may_sleep": reading.may_sleep,
        "wakes_kswapd": reading.wakes_kswapd,
        "may_start_io": reading.may_start_io,
        "may_enter_fs": reading.may_enter_fs,
        "warns_on_failure": reading.warns,
        "min_mark_percent": reading.min_mark_percent,
        "reserves": list(reading.reserves),
        "migratetype": reading.migratetype,
        "zone": reading.zone,
        "zone_32bit": reading.zone_32bit,
        "contradictions": list(reading.contradictions),
        "likely": reading.is_likely,
    }

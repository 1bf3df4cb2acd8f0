"""GFP masks: any era's numbers and names to one canonical mask and back (fact sheet 4).

A mask printed by a kernel means nothing without its era: 0x200 is NOWARN in 2.6..4.20, ATOMIC in
5.0..6.2, and unused since.  Everything past the readers uses the canonical mask (:class:`Gfp`).
``era`` arguments take a name of :data:`ERAS` or any release (``6.18``, ``5.15``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from buddysim.errors import ConfigError, nearest_word
from buddysim.kernel.gfp_table import (
    BITS,
    COMPOSITES,
    DMESG_WORDS,
    ERA_SINCE,
    ERAS,
    LEGACY_ERAS,
    TRACE_WORDS,
    Gfp,
)
from buddysim.kernel.release import row_of_release

__all__ = [
    "ERAS",
    "Gfp",
    "composite",
    "decode_mask",
    "encode_mask",
    "era_of",
    "format_names",
    "format_raw",
    "parse_names",
    "unknown_bits",
]

Style = Literal["dmesg", "trace"]

_RECLAIM = int(Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM)
_KSWAPD = int(Gfp.KSWAPD_RECLAIM)
_NO_KSWAPD = int(Gfp.NO_KSWAPD)
_RETRY = int(Gfp.REPEAT | Gfp.RETRY_MAYFAIL)
_MASK_END = 1 << 32
_BEFORE_ATOMIC_BIT = frozenset(
    {
        "GFP_HIGH",
        "GFP_HIGHUSER",
        "GFP_HIGHUSER_MOVABLE",
        "GFP_KERNEL",
        "GFP_NOFS",
        "GFP_NOIO",
        "GFP_TEMPORARY",
        "GFP_USER",
    }
)


def _canonical_bit(name: str) -> int:
    """Canonical bits of a flag; WAIT alone becomes two."""
    return _RECLAIM if name == "WAIT" else int(Gfp[name])


_DECODE = {
    era: tuple((raw, _canonical_bit(name)) for name, raw in bits.items())
    for era, bits in BITS.items()
}


@lru_cache(maxsize=256)
def era_of(release: str) -> str:
    """The GFP column that a release uses: ``6.18`` -> ``6.12``.  Raises ConfigError."""
    return release if release in BITS else row_of_release(release, ERA_SINCE)


@lru_cache(maxsize=4096)
def decode_mask(raw: int, era: str) -> int:
    """Canonical mask of a number printed by a kernel of ``era``.

    Bits that the era does not define are dropped; :func:`unknown_bits` tells them.  Kernels before
    4.4 woke kswapd for every request, so KSWAPD_RECLAIM is set unless NO_KSWAPD was.
    Raises ConfigError for a number that does not fit in 32 bits.
    """
    if not 0 <= raw < _MASK_END:
        raise ConfigError(f"GFP mask {raw:#x}", expected="a number of at most 32 bits")
    era = era_of(era)
    canonical = _KSWAPD if era in LEGACY_ERAS else 0
    for bit, meaning in _DECODE[era]:
        if raw & bit:
            canonical |= meaning
    return canonical & ~_KSWAPD if canonical & _NO_KSWAPD else canonical


def unknown_bits(raw: int, era: str) -> int:
    """The bits of a printed number that mean nothing in ``era``."""
    return raw & ~sum(BITS[era_of(era)].values())


@lru_cache(maxsize=4096)
def encode_mask(canonical: int, era: str) -> int:
    """The number a kernel of ``era`` prints for a canonical mask.

    Flags that the era lacks are dropped, but REPEAT and RETRY_MAYFAIL, one flag renamed, stand for
    each other, and a missing KSWAPD_RECLAIM becomes NO_KSWAPD where that exists.
    """
    era = era_of(era)
    legacy = era in LEGACY_ERAS
    if canonical & _RETRY:
        canonical |= _RETRY
    if legacy and not canonical & _KSWAPD:
        canonical |= _NO_KSWAPD
    raw = 0
    for name, bit in BITS[era].items():
        wanted = int(Gfp.DIRECT_RECLAIM) if name == "WAIT" else _canonical_bit(name)
        if canonical & wanted:
            raw |= bit
    return raw


def composite(name: str, era: str) -> int:
    """Canonical mask of ``GFP_KERNEL`` and the like in ``era``.  Raises ConfigError."""
    raw = COMPOSITES[era_of(era)].get(name)
    if raw is None:
        raise ConfigError(f"{name} is not a mask of {era}", expected=_nearest(name, era))
    return decode_mask(raw, era)


@lru_cache(maxsize=4096)
def format_names(canonical: int, era: str, style: Style = "dmesg") -> str:
    """A canonical mask in the words that a kernel of ``era`` prints.

    ``dmesg``: ``%pGg`` of the kernel log, empty for 0; eras whose log has no names (before 4.6) get
    the header's names.  ``trace``: the tracepoints' table, ``none`` (old: ``GFP_NOWAIT``) for 0.
    """
    return format_raw(encode_mask(canonical, era), era, style)


def format_raw(raw: int, era: str, style: Style = "dmesg") -> str:
    """As :func:`format_names` for the era's own number; undefined bits end it as one hex number."""
    era = era_of(era)
    has_table = era in TRACE_WORDS
    if raw == 0:
        return _zero_text(era, style if has_table else "dmesg")
    table = TRACE_WORDS[era] if style == "trace" and has_table else DMESG_WORDS[era]
    words = []
    for mask, text in table:
        if raw & mask == mask:
            words.append(text)
            raw &= ~mask
    if raw:
        words.append(f"{raw:#x}")
    return "|".join(words)


def _zero_text(era: str, style: Style) -> str:
    if era in LEGACY_ERAS or (era == "4.4" and style == "trace"):
        return "GFP_NOWAIT"
    return "none" if style == "trace" else ""


@lru_cache(maxsize=4096)
def parse_names(text: str, era: str) -> int:
    """Canonical mask of ``GFP_KERNEL|__GFP_COMP``, ``0xd0``, ``GFP_IO|0x80`` or ``none``.

    Words may be of any era: those of ``era`` are read with its meaning, others with that of the
    newest era that has them; trace names may lack their underscores (``GFP_WAIT``).
    Raises ConfigError that names the column (from 1) and the nearest known word.
    """
    era = era_of(era)
    raw = extra = 0
    column = 1
    earlier: list[str] = []
    for piece in text.split("|"):
        word = piece.strip()
        own, foreign = _word(word, era, column + piece.find(word), tuple(earlier))
        raw |= own
        extra |= foreign
        earlier.append(word)
        column += len(piece) + 1
    canonical = decode_mask(raw, era) | extra
    return canonical & ~_KSWAPD if canonical & _NO_KSWAPD else canonical


def _word(word: str, era: str, column: int, earlier: tuple[str, ...]) -> tuple[int, int]:
    """One word as (the era's own bits, canonical bits that the era lacks)."""
    if word[:2].lower() == "0x":
        return _hex(word, column), 0
    if word in {"none", "0"}:
        return 0, 0
    if word == "GFP_ATOMIC" and era == "4.4" and _follows_old_table(earlier):
        return BITS[era]["ATOMIC"], 0
    own = _own_word(word, era)
    if own is not None:
        return own, 0
    foreign = _foreign_word(word)
    if foreign is None:
        raise ConfigError(
            f"unknown GFP name {word!r}" if word else "empty GFP name",
            column=column,
            expected="names joined by | or a hex mask",
            hint=f"did you mean {_nearest(word, era)}?" if word else "none for an empty mask",
        )
    return 0, foreign


def _follows_old_table(earlier: tuple[str, ...]) -> bool:
    """4.4's trace table prints GFP_ATOMIC twice: the composite first, later the single bit.

    It is the bit when a word stands before it that the table prints after the composite, or one
    that has already used up the reclaim bits that the composite needs.
    """
    return any(word in _BEFORE_ATOMIC_BIT for word in earlier)


def _hex(word: str, column: int) -> int:
    try:
        value = int(word, 16)
    except ValueError:
        value = -1
    if not 0 <= value < _MASK_END:
        raise ConfigError(
            f"GFP mask {word!r}", column=column, expected="a hex number of at most 32 bits"
        )
    return value


def _own_word(word: str, era: str) -> int | None:
    """The era's own bits for a word, or None when the era has no such word."""
    if word in COMPOSITES[era]:
        return COMPOSITES[era][word]
    bits = BITS[era]
    flag = _flag(word)
    if flag == "RECLAIM" and era not in LEGACY_ERAS:
        return bits["DIRECT_RECLAIM"] | bits["KSWAPD_RECLAIM"]
    return bits.get(flag)


def _foreign_word(word: str) -> int | None:
    """Canonical bits for a word that only other eras have, the newest one deciding."""
    for era in reversed(ERAS):
        if word in COMPOSITES[era]:
            return decode_mask(COMPOSITES[era][word], era)
    flag = _flag(word)
    if flag in {"WAIT", "RECLAIM"}:
        return _RECLAIM
    return int(Gfp[flag]) if flag in Gfp.__members__ else None


def _flag(word: str) -> str:
    """``__GFP_COMP`` or ``GFP_COMP`` -> ``COMP``; empty for a word of another form."""
    bare = word.removeprefix("__")
    return bare.removeprefix("GFP_") if bare.startswith("GFP_") else ""


def _nearest(word: str, era: str) -> str:
    """The known word most like ``word``."""
    if word and all(letter in "0123456789abcdefABCDEF" for letter in word):
        return f"0x{word}"
    known = [*COMPOSITES[era_of(era)], *(f"__GFP_{flag}" for flag in BITS[era_of(era)])]
    return nearest_word(word.upper(), known)

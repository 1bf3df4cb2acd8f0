"""Quantities as distinct types, and paired parse/format functions for sizes and times."""

from __future__ import annotations

import re
from typing import NewType

from buddysim.errors import ConfigError

__all__ = [
    "PAGE_SIZE",
    "Ns",
    "Order",
    "Pages",
    "Pfn",
    "format_bytes",
    "format_duration",
    "parse_bytes",
    "parse_duration",
]

Pfn = NewType("Pfn", int)
"""Page frame number, absolute."""
Order = NewType("Order", int)
"""Base-2 logarithm of a block's size in pages, 0..10."""
Pages = NewType("Pages", int)
"""A count of 4 KiB pages."""
Ns = NewType("Ns", int)
"""Nanoseconds of virtual or recorded time."""

PAGE_SIZE = 4096

_BYTE_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_TIME_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s)")


def parse_bytes(text: str) -> int:
    """``64M``, ``1.5GiB``, ``4096`` to bytes (powers of 1024).  Raises ConfigError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"size {text!r}", expected="a number with K, M, G or T", hint="64M")
    whole, _, fraction = match[1].partition(".")
    unit = _BYTE_UNITS[match[2].upper()]
    return int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def format_bytes(nr_bytes: int) -> str:
    """Bytes in the largest unit that fits, with one decimal unless whole (``64M``, ``1.4G``)."""
    for suffix in "TGMK":
        unit = _BYTE_UNITS[suffix]
        if nr_bytes >= unit:
            if nr_bytes % unit == 0:
                return f"{nr_bytes // unit}{suffix}"
            return f"{nr_bytes / unit:.1f}{suffix}"
    return f"{nr_bytes}B"


def parse_duration(text: str) -> Ns:
    """``20us``, ``1.5ms``, ``3s`` to nanoseconds.  Raises ConfigError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"duration {text!r}", expected="a number with ns, us, ms or s")
    whole, _, fraction = match[1].partition(".")
    unit = _TIME_UNITS[match[2]]
    return Ns(int(whole) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0))


def format_duration(ns: Ns | int) -> str:
    """Nanoseconds as the largest unit that is at least 1, with up to three decimals."""
    for suffix in ("s", "ms", "us"):
        unit = _TIME_UNITS[suffix]
        if abs(ns) >= unit:
            return f"{ns / unit:.3f}".rstrip("0").rstrip(".") + suffix
    return f"{ns}ns"

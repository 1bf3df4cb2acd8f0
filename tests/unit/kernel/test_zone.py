"""Highest zone of a mask (fact sheet 2.2)."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.constants import ZONE_INDEX, ZONE_NAMES
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.zone import highest_zone


@pytest.mark.parametrize(
    ("gfp", "x86_64", "i386"),
    [
        (0, "Normal", "Normal"),
        (Gfp.DMA, "DMA", "DMA"),
        (Gfp.HIGHMEM, "Normal", "HighMem"),
        (Gfp.DMA32, "DMA32", "Normal"),
        (Gfp.MOVABLE, "Normal", "Normal"),
        (Gfp.MOVABLE | Gfp.DMA, "DMA", "DMA"),
        (Gfp.MOVABLE | Gfp.DMA32, "DMA32", "Normal"),
        (Gfp.MOVABLE | Gfp.HIGHMEM, "Movable", "Movable"),
    ],
)
def test_highest_zone(gfp: Gfp, x86_64: str, i386: str) -> None:
    assert ZONE_NAMES[highest_zone(gfp)] == x86_64
    assert ZONE_NAMES[highest_zone(gfp, has_highmem=True)] == i386


@pytest.mark.parametrize(
    "gfp", [Gfp.DMA | Gfp.DMA32, Gfp.DMA | Gfp.HIGHMEM, Gfp.DMA32 | Gfp.HIGHMEM | Gfp.MOVABLE]
)
def test_two_zone_flags_are_a_bug(gfp: Gfp) -> None:
    with pytest.raises(ConfigError, match="at most one"):
        highest_zone(gfp)


def test_zone_names_and_indexes_agree() -> None:
    assert [ZONE_INDEX[name] for name in ZONE_NAMES] == list(range(6))

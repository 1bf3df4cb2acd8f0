"""RESERVE pageblocks of 2.6.24 .. 4.3: set aside at boot, taken last (fact sheet 6.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine
from buddysim.mm.state import dump_free_lists

Small = Callable[..., Machine]
RESERVE = 3


@pytest.mark.parametrize(
    ("profile", "min_free_kbytes", "blocks"),
    [("2.6.25", 128, 1), ("2.6.25", 8192, 4), ("3.13", 8192, 2), ("4.4", 8192, 0)],
)
def test_as_many_blocks_as_the_min_mark_needs(
    small: Small, profile: str, min_free_kbytes: int, blocks: int
) -> None:
    zone = small(pages=8192, profile=profile, min_free_kbytes=min_free_kbytes).zones[0]
    assert sum(block == RESERVE for block in zone.pageblock) == blocks


def test_they_are_the_last_fallback(small: Small) -> None:
    machine = small(pages=4096, profile="2.6.25")
    atomic = composite("GFP_ATOMIC", "2.6.25")
    reserved = {
        page
        for (order, migratetype), pfns in dump_free_lists(machine.zones[0]).items()
        for pfn in pfns
        for page in range(pfn, pfn + (1 << order))
        if migratetype == RESERVE
    }
    assert reserved
    taken = []
    while (pfn := machine.alloc_pages(4, atomic)) >= 0:
        taken.append(pfn in reserved)
    assert True in taken
    assert taken == sorted(taken)

"""Who may go below the marks, by era (fact sheet 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.kernel.gfp import composite, parse_names
from buddysim.mm.alloc_flags import slow_path_flags
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request

Small = Callable[..., Machine]


@pytest.mark.parametrize(
    ("profile", "mask", "expected"),
    [
        ("6.12", "GFP_KERNEL", 8182),
        ("6.12", "GFP_ATOMIC", 3069),
        ("6.12", "GFP_NOWAIT", 8182),
        ("6.12", "GFP_KERNEL|__GFP_HIGH", 4091),
        ("4.19", "GFP_ATOMIC", 3069),
        ("4.19", "GFP_NOWAIT", 8182),
        ("3.13", "GFP_ATOMIC", 3069),
        ("2.6.25", "GFP_ATOMIC", 3069),
        ("2.6.25", "GFP_NOWAIT", 6137),
        ("2.6.25", "GFP_KERNEL", 8182),
    ],
)
def test_effective_min(small: Small, profile: str, mask: str, expected: int) -> None:
    machine = small(profile=profile)
    gfp = parse_names(mask, profile)
    flags = slow_path_flags(machine.profile, 0, gfp)
    assert machine.zones[0].lowered_min(8182, flags) == expected


def test_real_time_tasks_and_oom_victims(small: Small) -> None:
    for profile, realtime, victim in (("6.12", 4091, 4091), ("4.19", 6137, 4091)):
        machine = small(profile=profile)
        kernel = composite("GFP_KERNEL", profile)
        flags = slow_path_flags(machine.profile, 0, kernel, realtime=True)
        assert machine.zones[0].lowered_min(8182, flags) == realtime
        assert machine.zones[0].lowered_min(8182, 0x08) == victim


def per_order_state(machine: Machine, order2_blocks: int) -> None:
    """1200 order-0, 600 order-1 and some order-2 free blocks, as counts (3.5's example)."""
    zone = machine.zones[0]
    for order, blocks in enumerate((1200, 600, order2_blocks, 0, 0, 0, 0, 0, 0, 0, 0)):
        zone.nr_free[order] = blocks


def test_the_old_loop_halves_the_mark_and_excludes_small_blocks(small: Small) -> None:
    machine = small(profile="2.6.25")
    zone = machine.zones[0]
    per_order_state(machine, 150)
    assert zone.watermark_ok(2, 1000, 2, 0, 3000)
    per_order_state(machine, 40)
    assert not zone.watermark_ok(2, 1000, 2, 0, 2560)


def test_strictly_more_than_the_mark_is_needed(small: Small) -> None:
    zone = small().zones[0]
    assert not zone.watermark_ok(0, 100, 2, 0, 100)
    assert zone.watermark_ok(0, 100, 2, 0, 101)


def test_atomic_goes_deeper_than_kernel_and_memalloc_to_nothing(small: Small) -> None:
    left = {}
    for mask in ("GFP_KERNEL|__GFP_NORETRY", "GFP_ATOMIC", "GFP_ATOMIC|__GFP_MEMALLOC"):
        machine = small(pages=8192, min_free_kbytes=1024)
        gfp = parse_names(mask, "6.12")
        while machine.alloc_pages(4, gfp) >= 0:
            pass
        left[mask] = machine.zones[0].free
    assert left["GFP_KERNEL|__GFP_NORETRY"] in range(256, 288)
    assert left["GFP_ATOMIC"] in range(96, 128)
    assert left["GFP_ATOMIC|__GFP_MEMALLOC"] == 0


def test_causes(small: Small) -> None:
    atomic = composite("GFP_ATOMIC", "6.12")
    memalloc = parse_names("GFP_ATOMIC|__GFP_MEMALLOC", "6.12")
    machine = small(pages=4096)
    held = []
    while (pfn := machine.alloc_pages(0, memalloc)) >= 0:
        held.append(pfn)
    assert machine.last_failure is not None
    assert machine.last_failure.cause == "exhausted"
    for pfn in held[::2]:
        machine.free_pages(pfn, 0)
    machine.drain_all_pages()
    assert machine.alloc_pages(2, atomic) == -1
    assert machine.last_failure.cause == "fragmented"
    assert machine.last_failure.zones[0].missing == 0
    while machine.alloc_pages(0, atomic) >= 0:
        pass
    assert machine.last_failure.cause == "below-watermark"
    assert machine.last_failure.zones[0].missing > 0


def test_explaining_changes_nothing(small: Small) -> None:
    machine = small()
    before = list(machine.zones[0].nr_free)
    machine.explain(Request(3, composite("GFP_ATOMIC", "6.12")), 0x30)
    assert list(machine.zones[0].nr_free) == before

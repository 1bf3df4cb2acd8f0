"""What the fact sheet states per era with numbers: retries (5.5 to 5.7), claims (6.3), list ends
(1.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.kernel.gfp import parse_names
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.mm.slow_path import MAX_LOOPS
from buddysim.mm.state import dump_free_lists
from buddysim.mm.zone import Zone

Small = Callable[..., Machine]
UNMOVABLE, MOVABLE, RECLAIMABLE = 0, 1, 2


def used_up(machine: Machine) -> Zone:
    """Take every page; the zone."""
    zone = machine.zones[0]
    for pfn in range(zone.start_pfn, zone.end_pfn):
        machine.take_pages(pfn, 0)
    return zone


@pytest.mark.parametrize(
    ("profile", "mask", "order", "endless"),
    [
        ("2.6.25", "GFP_KERNEL", 0, True),
        ("2.6.25", "GFP_KERNEL", 3, True),
        ("2.6.25", "GFP_KERNEL", 4, False),
        ("2.6.25", "GFP_NOFS|__GFP_REPEAT", 4, True),
        ("2.6.25", "GFP_KERNEL|__GFP_NORETRY", 0, False),
        ("2.6.32", "GFP_KERNEL", 3, True),
        ("2.6.32", "GFP_KERNEL|__GFP_REPEAT", 4, False),
        ("3.13", "GFP_KERNEL", 3, True),
        ("3.13", "GFP_KERNEL", 4, False),
        ("3.13", "GFP_KERNEL|__GFP_NOFAIL", 4, True),
        ("4.4", "GFP_NOFS", 0, True),
        ("4.19", "GFP_NOFS", 0, True),
        ("4.19", "GFP_KERNEL", 4, False),
        ("6.1", "GFP_NOFS", 3, True),
        ("6.12", "GFP_NOFS", 0, True),
        ("6.12", "GFP_KERNEL|__GFP_NORETRY", 0, False),
        ("6.12", "GFP_KERNEL|__GFP_RETRY_MAYFAIL", 4, False),
    ],
)
def test_who_retries_for_ever_with_nothing_to_reclaim(
    small: Small, profile: str, mask: str, order: int, endless: bool
) -> None:
    machine = small(profile=profile)
    used_up(machine)
    assert machine.alloc_pages(order, parse_names(mask, profile)) == -1
    assert machine.last_failure is not None
    assert (machine.last_failure.reclaim_rounds >= MAX_LOOPS - 1) == endless


@pytest.mark.parametrize(
    ("profile", "wanted", "found", "rest", "retagged"),
    [
        ("2.6.25", UNMOVABLE, 3, MOVABLE, False),
        ("2.6.25", RECLAIMABLE, 3, RECLAIMABLE, False),
        ("2.6.25", UNMOVABLE, 5, UNMOVABLE, False),
        ("2.6.25", UNMOVABLE, 8, UNMOVABLE, True),
        ("2.6.32", UNMOVABLE, 3, MOVABLE, False),
        ("2.6.32", UNMOVABLE, 5, UNMOVABLE, False),
        ("3.13", RECLAIMABLE, 3, MOVABLE, False),
        ("3.13", UNMOVABLE, 5, MOVABLE, False),
        ("3.13", UNMOVABLE, 8, UNMOVABLE, True),
        ("4.4", UNMOVABLE, 3, UNMOVABLE, False),
        ("4.4", UNMOVABLE, 8, UNMOVABLE, True),
        ("4.19", UNMOVABLE, 3, UNMOVABLE, True),
    ],
)
def test_who_gets_the_rest_of_a_movable_block(
    small: Small, profile: str, wanted: int, found: int, rest: int, retagged: bool
) -> None:
    """One free block of order ``found`` in a movable pageblock that is otherwise in use."""
    machine = small(profile=profile)
    zone = used_up(machine)
    zone.free_one_page(1024, found, MOVABLE, False)
    mask = "GFP_NOFS|__GFP_RECLAIMABLE" if wanted == RECLAIMABLE else "GFP_NOFS"
    request = Request(1, parse_names(mask, profile), memalloc_task=True)
    assert machine.alloc_pages(1, request.gfp, request=request) == 1024
    assert [zone.nr_free_type(1, each) for each in range(3)] == [each == rest for each in range(3)]
    assert zone.pageblock[1024 >> zone.pageblock_order] == (wanted if retagged else MOVABLE)


@pytest.mark.parametrize(
    ("profile", "order"),
    [
        ("2.6.25", (2, 5)),
        ("2.6.32", (2, 5)),
        ("3.13", (5, 2)),
        ("4.4", (5, 2)),
        ("6.12", (5, 2)),
    ],
)
def test_a_page_that_will_soon_merge_goes_to_the_tail_since_3_13(
    small: Small, profile: str, order: tuple[int, ...]
) -> None:
    machine = small(profile=profile)
    zone = used_up(machine)
    zone.free_one_page(0, 1, MOVABLE, False)
    zone.free_one_page(5, 0, MOVABLE, False)
    zone.free_one_page(2, 0, MOVABLE, False)
    assert tuple(dump_free_lists(zone)[0, MOVABLE]) == order

"""Split, merge and list ends (fact sheet 1.3 .. 1.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine
from buddysim.mm.state import dump_free_lists
from buddysim.mm.validate import validate_machine

Small = Callable[..., Machine]
MOVABLE = composite("GFP_HIGHUSER_MOVABLE", "6.12")
KERNEL = composite("GFP_KERNEL", "6.12")
ATOMIC = composite("GFP_ATOMIC", "6.12")


def empty_zone(machine: Machine) -> None:
    """Take every page, then hand back nothing: a bare zone for hand-placed blocks."""
    zone = machine.zones[0]
    for (order, _), pfns in dump_free_lists(zone).items():
        for pfn in pfns:
            assert machine.take_pages(pfn, order) == 1 << order


def test_splitting_gives_the_lowest_piece_and_leaves_upper_halves(small: Small) -> None:
    machine = small()
    empty_zone(machine)
    zone = machine.zones[0]
    zone.free_one_page(8, 3, 1, False)
    assert zone.rmqueue_smallest(0, 1) == 8
    assert dump_free_lists(zone) == {(0, 1): (9,), (1, 1): (10,), (2, 1): (12,)}
    assert zone.rmqueue_smallest(0, 1) == 9


def test_freeing_all_pages_of_a_block_merges_it_whole(small: Small) -> None:
    machine = small()
    empty_zone(machine)
    zone = machine.zones[0]
    for index in (3, 0, 2, 1):
        zone.free_one_page(index, 0, 1, False)
    assert dump_free_lists(zone) == {(2, 1): (0,)}


def test_a_likely_merge_goes_to_the_tail_since_3_x_and_to_the_head_before(small: Small) -> None:
    for profile, expected in (("6.12", (16, 0)), ("3.13", (16, 0)), ("2.6.25", (0, 16))):
        machine = small(profile=profile)
        empty_zone(machine)
        zone = machine.zones[0]
        zone.free_one_page(16, 0, 1, False)
        zone.free_one_page(2, 1, 1, False)
        zone.free_one_page(0, 0, 1, False)
        assert dump_free_lists(zone)[0, 1] == expected, profile


def test_the_boot_state_is_whole_blocks_of_movable(small: Small) -> None:
    zone = small(pages=4096).zones[0]
    assert dump_free_lists(zone) == {(10, 1): (0, 1024, 2048, 3072)}


def test_claiming_a_large_foreign_block_retags_it(small: Small) -> None:
    machine = small()
    assert machine.alloc_pages(4, KERNEL) == 0
    zone = machine.zones[0]
    assert [zone.pageblock[block] for block in range(4)] == [0, 0, 1, 1]
    assert zone.extfrag_count == 1


@pytest.mark.parametrize("profile", ["2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12"])
def test_everything_taken_and_freed_restores_the_boot_state(small: Small, profile: str) -> None:
    machine = small(profile=profile)
    kernel = composite("GFP_KERNEL", profile)
    held = [machine.alloc_pages(order, kernel) for order in (0, 3, 5, 0, 1, 9, 2)]
    assert -1 not in held
    validate_machine(machine)
    for pfn, order in zip(held, (0, 3, 5, 0, 1, 9, 2), strict=True):
        assert machine.free_pages(pfn, order)
    machine.drain_all_pages()
    validate_machine(machine)
    assert machine.zones[0].nr_free[10] == 4


def test_order_11_is_impossible(small: Small) -> None:
    machine = small()
    assert machine.alloc_pages(11, KERNEL) == -1
    assert machine.last_failure is not None
    assert machine.last_failure.cause == "impossible-order"


def test_taking_a_recorded_page_keeps_the_rest_of_its_block(small: Small) -> None:
    machine = small()
    assert machine.take_pages(1500, 0) == 1
    assert machine.take_pages(1500, 0) == 0
    assert not machine.is_free(1500)
    assert machine.is_free(1501)
    validate_machine(machine)
    assert machine.zones[0].true_free == 4095

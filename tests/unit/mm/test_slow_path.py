"""Who may fail, and after how much work (fact sheet 5.5, 5.6, 8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.kernel.gfp import parse_names
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.mm.slow_path import MAX_LOOPS
from buddysim.policy.compaction import LruCompaction
from buddysim.policy.kswapd import BackgroundReclaim
from buddysim.policy.reclaim import LruReclaim

Small = Callable[..., Machine]


def with_cache(machine: Machine) -> Machine:
    """All but the reserves is page cache that reclaim may take."""
    machine.hooks.reclaim = LruReclaim()
    machine.hooks.compaction = LruCompaction()
    machine.hooks.kswapd = BackgroundReclaim()
    machine.add_reclaimable(1 << 20)
    return machine


def test_a_sleeping_request_reclaims_where_an_atomic_one_fails(small: Small) -> None:
    atomic, kernel = (parse_names(mask, "6.12") for mask in ("GFP_ATOMIC", "GFP_KERNEL"))
    machine = with_cache(small())
    while machine.alloc_pages(0, atomic) >= 0:
        pass
    assert machine.alloc_pages(0, kernel) >= 0
    assert machine.vmstat["allocstall_normal"] >= 1
    assert machine.vmstat["pgsteal_direct"] >= 32


def test_compaction_makes_a_block_out_of_page_cache(small: Small) -> None:
    machine = with_cache(small(pages=8192))
    scattered = sorted(machine.lru)[::2]
    for pfn in scattered:
        del machine.lru[pfn]
        machine.free_pages(pfn, 0)
    machine.drain_all_pages()
    while machine.alloc_pages(4, parse_names("GFP_ATOMIC", "6.12")) >= 0:
        pass
    gfp = parse_names("GFP_KERNEL|__GFP_NORETRY", "6.12")
    assert machine.alloc_pages(4, gfp) >= 0
    assert machine.vmstat["compact_success"] == 1
    assert machine.vmstat["pgmigrate_success"] > 0


@pytest.mark.parametrize(
    ("mask", "order", "rounds"),
    [
        ("GFP_ATOMIC", 0, 0),
        ("GFP_KERNEL|__GFP_NORETRY", 0, 1),
        ("GFP_KERNEL", 4, 1),
        ("GFP_KERNEL|__GFP_RETRY_MAYFAIL", 0, 1),
    ],
)
def test_reclaim_rounds_before_giving_up(small: Small, mask: str, order: int, rounds: int) -> None:
    machine = small()
    memalloc = parse_names("GFP_ATOMIC|__GFP_MEMALLOC", "6.12")
    while machine.alloc_pages(0, memalloc) >= 0:
        pass
    assert machine.alloc_pages(order, parse_names(mask, "6.12")) == -1
    assert machine.last_failure is not None
    assert machine.last_failure.reclaim_rounds == rounds


def test_nofail_and_2_6_25_loop_until_stopped(small: Small) -> None:
    for profile, mask in (("6.12", "GFP_KERNEL|__GFP_NOFAIL"), ("2.6.25", "GFP_NOFS")):
        machine = small(profile=profile)
        everything = machine.zones[0].managed
        for pfn in range(everything):
            machine.take_pages(pfn, 0)
        assert machine.alloc_pages(0, parse_names(mask, profile)) == -1
        assert machine.last_failure is not None
        assert machine.last_failure.reclaim_rounds >= MAX_LOOPS - 1


def test_kswapd_frees_by_virtual_time(small: Small) -> None:
    machine = with_cache(small())
    atomic = parse_names("GFP_ATOMIC", "6.12")
    while machine.alloc_pages(0, atomic) >= 0:
        pass
    assert machine.alloc_pages(0, atomic) == -1
    machine.clock_ns += 10_000_000
    assert machine.alloc_pages(0, atomic) >= 0
    assert machine.vmstat["pgsteal_kswapd"] > 0


def test_a_request_stands_for_all_other_arguments(small: Small) -> None:
    machine = small(pages=8192, cpus=2)
    request = Request(0, parse_names("GFP_KERNEL", "6.12"), 1, 0, 0, 0)
    assert machine.alloc_pages(3, parse_names("GFP_ATOMIC", "6.12"), cpu=0, request=request) >= 0
    zone = machine.zones[0]
    assert zone.cpu == 1
    assert zone.pgalloc == 1


class Sleeper:
    """A kswapd that counts how often it is woken and does nothing."""

    wakes = 0

    def wake(self, machine: Machine, request: Request) -> None:
        self.wakes += 1


@pytest.mark.parametrize("era", ["3.13", "6.12"])
def test_attempts_already_made_are_not_repeated(small: Small, era: str) -> None:
    atomic = parse_names("GFP_ATOMIC", era)
    machine = small(profile=era)
    sleeper = machine.hooks.kswapd = Sleeper()
    while machine.alloc_pages(0, atomic) >= 0:
        pass
    wakes = []
    for tried in (0, 1, 2):
        sleeper.wakes = 0
        assert machine.alloc_pages(0, atomic, tried=tried) == -1
        wakes.append(sleeper.wakes)
    assert wakes[0] == wakes[1] == wakes[2] + 1


def test_a_first_attempt_made_before_leaves_the_slow_path(small: Small) -> None:
    kernel = parse_names("GFP_KERNEL", "6.12")
    machine = small()
    entries = []
    for tried in (0, 1, 2):
        assert machine.alloc_pages(0, kernel, tried=tried) >= 0
        entries.append(machine.allocator.slow_path_entries)
    assert entries == [0, 1, 2]

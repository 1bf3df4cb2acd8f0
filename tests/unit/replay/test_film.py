"""A film looks at the machine between batches, evenly, whatever the length of the trace."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine, MachineSpec, build_machine
from buddysim.replay.film import CELLS_MAX, USED_FULL, Film, look_at, watched
from buddysim.source.event import EventBatch, EventKind

GFP = composite("GFP_KERNEL", "6.12")


def machine(mem: int = 64 << 20) -> Machine:
    return build_machine(MachineSpec.from_mem(mem, profile="6.12"))


def three_batches() -> Iterator[EventBatch]:
    for first in (0, 100, 200):
        batch = EventBatch(first)
        for row in range(100):
            batch.append(EventKind.ALLOC, time_ns=first + row)
        yield batch


def filmed(film: Film) -> list[int]:
    pieces = watched(three_batches(), machine(), film)
    return [time for piece in pieces for time in piece.time_ns]


def test_a_watcher_that_has_seen_enough_ends_the_trace() -> None:
    class Five(Film):
        def after(self, machine: Machine, piece: EventBatch) -> bool:
            super().after(machine, piece)
            return len(self.frames) < 6

    assert filmed(Five()) == [0, 1, 2, 3, 4]


def test_the_trace_comes_through_whole_and_in_order() -> None:
    assert filmed(Film(max_frames=16)) == list(range(300))


def test_frames_stay_within_their_number_and_evenly_spread() -> None:
    film = Film(max_frames=16)
    filmed(film)
    events = [frame.event for frame in film.frames]
    assert len(events) <= 16
    assert events[0] == 0
    gaps = {b - a for a, b in pairwise(events)}
    assert max(gaps) <= 2 * film.every


def test_a_short_trace_has_a_frame_for_every_event() -> None:
    film = Film(max_frames=1000)
    filmed(film)
    assert [frame.event for frame in film.frames] == list(range(301))
    assert film.frames[-1].time_ns == 299


def test_a_machine_at_rest_is_empty_and_a_full_one_full() -> None:
    host = machine()
    zone = host.zones[0]
    assert set(look_at(zone, 1).cell_used) == {0}
    host.add_reclaimable(1 << 20)
    assert look_at(zone, 1).cell_used.count(USED_FULL) >= 30, "of 32; the reserve stays free"


def test_the_map_counts_what_is_free_across_block_borders() -> None:
    host = machine()
    zone = host.zones[0]
    host.alloc_pages(8, GFP)
    picture = look_at(zone, 1)
    assert sorted(picture.cell_used)[-2:] == [0, USED_FULL // 2], "256 pages of one block"
    assert sum(count << order for order, count in enumerate(picture.nr_free)) == zone.free


def test_big_machines_share_cells() -> None:
    film = Film()
    film.add(machine(4 << 30), 0, 0)
    cells = sum(len(zone.cell_types) for zone in film.frames[0].zones)
    assert cells <= CELLS_MAX + len(film.frames[0].zones)
    assert film.cell_blocks == 2


def test_lists_by_type_add_up_to_the_lists() -> None:
    host = machine()
    host.alloc_pages(4, GFP)
    picture = look_at(host.zones[0], by_type=True)
    sums = [sum(lists[order] for lists in picture.by_type) for order in range(11)]
    assert tuple(sums) == picture.nr_free

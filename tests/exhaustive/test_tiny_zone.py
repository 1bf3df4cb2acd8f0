"""Every sequence of up to five allocations and frees on a 16-page zone, against a naive model."""

from __future__ import annotations

from itertools import product

from buddysim.mm.validate import validate_zone
from buddysim.mm.zone import Zone

PAGES = 16
ORDERS = (0, 1, 2, 4)


class Naive:
    """Free pages as a set; a block is what is aligned and wholly free."""

    def __init__(self) -> None:
        self.free = set(range(PAGES))

    def can(self, order: int) -> bool:
        size = 1 << order
        return any(
            all(page in self.free for page in range(start, start + size))
            for start in range(0, PAGES, size)
        )


def fresh_zone() -> Zone:
    zone = Zone("Normal", 0, 2, 0, 1024, 9, 1)
    zone.free_one_page(0, 4, 1, False)
    return zone


def run(sequence: tuple[int, ...]) -> None:
    """Positive numbers allocate that order; -k frees the k-th oldest live block."""
    zone, naive = fresh_zone(), Naive()
    held: list[tuple[int, int]] = []
    for step in sequence:
        if step >= 0:
            index = zone.rmqueue_smallest(ORDERS[step], 1)
            assert (index >= 0) == naive.can(ORDERS[step])
            if index >= 0:
                pages = set(range(index, index + (1 << ORDERS[step])))
                assert pages <= naive.free
                naive.free -= pages
                held.append((index, ORDERS[step]))
        elif len(held) >= -step:
            index, order = held.pop(-step - 1)
            zone.free_one_page(index, order, 1, False)
            naive.free |= set(range(index, index + (1 << order)))
        assert zone.true_free == len(naive.free)
    validate_zone(zone)


def test_all_sequences_up_to_length_five() -> None:
    for length in range(1, 6):
        for sequence in product((0, 1, 2, 3, -1, -2), repeat=length):
            run(sequence)

"""A ring's size, its page-aligned used ring, and the order it asks for."""

from __future__ import annotations

import pytest

from buddysim.lesson.vring import MAX_ENTRIES, RingLayout


def test_the_used_ring_starts_a_page_and_fits_in_it() -> None:
    for power in range(9):
        layout = RingLayout(1 << power)
        assert layout.used_offset % 4096 == 0
        assert layout.nr_bytes - layout.used_offset <= 4096


def test_256_entries_are_the_most_with_4_kib_pages() -> None:
    assert MAX_ENTRIES == 256
    with pytest.raises(ValueError, match="at most 256"):
        RingLayout(512)
    assert RingLayout(4096, page_size=65536).num == 4096


@pytest.mark.parametrize("num", [0, 3, 100, -8])
def test_only_powers_of_two_are_accepted(num: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        RingLayout(num)


@pytest.mark.parametrize(("num", "pages", "order"), [(8, 2, 1), (128, 2, 1), (256, 3, 2)])
def test_bigger_rings_need_bigger_contiguous_blocks(num: int, pages: int, order: int) -> None:
    layout = RingLayout(num)
    assert (layout.nr_pages, layout.order) == (pages, order)

"""Slab orders follow SLUB's rule, and pages come and go with the objects."""

from __future__ import annotations

import pytest

from buddysim.kernel.gfp import Gfp, composite
from buddysim.lesson.network.slab import SlabCache, modern_layout, old_layout

ATOMIC = composite("GFP_ATOMIC", "6.12")


@pytest.mark.parametrize(
    ("stride", "order", "objects"), [(2368, 3, 13), (320, 0, 12), (1128, 2, 14), (96, 0, 42)]
)
def test_modern_orders_match_live_caches(stride: int, order: int, objects: int) -> None:
    layout = modern_layout(stride, ncpus=2)
    assert (layout.order, layout.objects(layout.order)) == (order, objects)
    assert layout.min_order == 0


@pytest.mark.parametrize(("stride", "order", "objects"), [(96, 0, 42), (1664, 1, 4)])
def test_old_orders_have_no_fallback(stride: int, order: int, objects: int) -> None:
    layout = old_layout(stride)
    assert (layout.order, layout.min_order, layout.objects(order)) == (order, order, objects)


def test_a_page_is_taken_for_the_first_object_and_given_back_with_the_last(fake_pages) -> None:
    pages = fake_pages()
    cache = SlabCache("request_sock_TCP", modern_layout(320), pages, ATOMIC)
    slabs = [cache.alloc() for _ in range(13)]
    assert cache.held_pages == 2, "12 to a page, so the 13th opens a second"
    for slab in slabs:
        cache.free(slab)
    assert (cache.held_pages, pages.pages, cache.held_pages_peak) == (0, 0, 2)


def test_a_failed_big_slab_falls_to_one_page_silently_first(fake_pages) -> None:
    pages = fake_pages(refuse_order=3)
    cache = SlabCache("TCP", modern_layout(2368), pages, ATOMIC)
    assert cache.alloc() is not None
    (big, big_mask), (small, small_mask) = pages.asked
    assert (big, small) == (3, 0)
    assert big_mask & Gfp.NOWARN
    assert not small_mask & Gfp.NOWARN
    assert (cache.order_fallbacks, cache.failures) == (1, 0)


def test_no_memory_is_a_value_and_is_counted(fake_pages) -> None:
    cache = SlabCache("TCP", old_layout(1664), fake_pages(limit=2), ATOMIC)
    assert [cache.alloc() is not None for _ in range(5)] == [True] * 4 + [False]
    assert cache.failures == 1


def test_freed_objects_are_used_before_a_new_page(fake_pages) -> None:
    pages = fake_pages()
    cache = SlabCache("TCP", old_layout(1664), pages, ATOMIC)
    slabs = [cache.alloc() for _ in range(8)]
    cache.free(slabs[0])
    cache.alloc()
    assert len(pages.asked) == 2


def test_freeing_an_empty_slab_is_refused(fake_pages) -> None:
    cache = SlabCache("TCP", old_layout(1664), fake_pages(), ATOMIC)
    slab = cache.alloc()
    cache.free(slab)
    with pytest.raises(ValueError, match="no object in use"):
        cache.free(slab)

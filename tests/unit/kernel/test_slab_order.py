"""SLUB's page order: the worked values of fact sheet 15.1 and what recordings print."""

from __future__ import annotations

import pytest

from buddysim.kernel.slab_order import SlabOrder, kmalloc_cache_name, slab_order


@pytest.mark.parametrize(
    ("size", "ncpus", "order"),
    [(2368, 2, 3), (320, 2, 0), (1128, 2, 2), (4096, 1, 3), (256, 1, 0), (192, 1, 0)],
)
def test_order(size: int, ncpus: int, order: int) -> None:
    assert slab_order(size, ncpus) == SlabOrder(order, 0)


def test_min_order_holds_one_object() -> None:
    assert slab_order(8192, 1) == SlabOrder(3, 1)
    assert slab_order(100_000, 1).min_order == 5
    with pytest.raises(ValueError, match="5000000"):
        slab_order(5_000_000, 1)


def test_cache_names() -> None:
    assert [kmalloc_cache_name(size) for size in (8, 96, 512, 1024, 8192)] == [
        "kmalloc-8", "kmalloc-96", "kmalloc-512", "kmalloc-1k", "kmalloc-8k",
    ]  # fmt: skip

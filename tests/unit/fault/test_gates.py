"""Which requests reach the common check at all (fact sheet 11.2, 11.9)."""

from __future__ import annotations

import pytest

from buddysim.fault.attr import FaultAttr
from buddysim.fault.fail_page_alloc import FailPageAlloc
from buddysim.fault.failslab import FailSlab, kmalloc_object_size
from buddysim.kernel.gfp import composite
from buddysim.kernel.gfp_table import Gfp

ATOMIC = composite("GFP_ATOMIC", "6.12")
KERNEL = composite("GFP_KERNEL", "6.12")


def page(**settings: object) -> FailPageAlloc:
    return FailPageAlloc(FaultAttr("fail_page_alloc", 100, times=-1), **settings)


def test_defaults_fail_only_atomic_orders_above_0() -> None:
    gate = page()
    assert not gate.eligible(0, ATOMIC)
    assert gate.eligible(1, ATOMIC)
    assert not gate.eligible(1, KERNEL)
    assert not gate.eligible(1, ATOMIC | Gfp.HIGHMEM)


def test_nofail_is_always_exempt_and_nowarn_is_not() -> None:
    gate = page(min_order=0, ignore_gfp_wait=False, ignore_gfp_highmem=False)
    assert not gate.eligible(0, KERNEL | Gfp.NOFAIL)
    assert gate.eligible(0, KERNEL | Gfp.NOWARN)


def test_page_size_is_pages_and_slab_size_is_bytes() -> None:
    pages = page(min_order=0)
    pages.attr.space = 9
    assert not pages.should_fail(3, ATOMIC)
    assert pages.attr.space == 1
    slab = FailSlab(FaultAttr("failslab", 100, times=-1, space=200))
    assert not slab.should_fail(192, ATOMIC)
    assert slab.attr.space == 8


def test_cache_filter_wants_a_marked_cache() -> None:
    slab = FailSlab(FaultAttr("failslab", 100, times=-1), cache_filter=True)
    assert not slab.should_fail(64, ATOMIC)
    assert slab.should_fail(64, ATOMIC, cache_marked=True)


@pytest.mark.parametrize(
    ("nr_bytes", "size"),
    [(1, 8), (64, 64), (65, 96), (100, 128), (129, 192), (193, 256), (4000, 4096), (8193, 0)],
)
def test_kmalloc_object_size(nr_bytes: int, size: int) -> None:
    assert kmalloc_object_size(nr_bytes) == size

"""Who asked for the memory, in chains as kernels of several eras print them."""

from __future__ import annotations

import pytest

from buddysim.kernel.allocator_function import (
    PREFIXES,
    caller_of,
    is_allocator_function,
    symbol_of_frame,
)

SHEET = """
__traceiter_ trace_event_raw perf_trace_ __alloc_pages __alloc_frozen_pages alloc_pages
alloc_frozen_pages __folio_alloc folio_alloc alloc_page_interleave get_free_pages __get_free_pages
get_zeroed_page __rmqueue rmqueue get_page_from_freelist allocate_slab new_slab ___slab_alloc
__slab_alloc kmem_cache_alloc __kmalloc kmalloc kmem_getpages cache_grow cache_alloc_refill
fallback_alloc warn_alloc dump_stack
"""
CALLERS = """
anon_pipe_write skb_page_frag_refill alloc_skb pte_alloc_one dma_atomic_pool_init kthread kswapd
kimage_alloc_pages kmem_zone_alloc mempool_alloc alloc_netdev_mq
"""


@pytest.mark.parametrize("name", SHEET.split())
def test_every_name_of_the_fact_sheet_is_skipped(name: str) -> None:
    assert is_allocator_function(name)


@pytest.mark.parametrize("name", CALLERS.split())
def test_callers_are_not_skipped(name: str) -> None:
    assert not is_allocator_function(name)


def test_prefixes_are_sorted_and_none_hides_another() -> None:
    assert list(PREFIXES) == sorted(set(PREFIXES))
    for one in PREFIXES:
        assert not any(one != other and one.startswith(other) for other in PREFIXES), one


@pytest.mark.parametrize(
    ("frames", "caller"),
    [
        (
            "__traceiter_mm_page_alloc+0x41 __alloc_frozen_pages_noprof+0x26b "
            "alloc_pages_mpol+0x86 alloc_pages_noprof+0x4c anon_pipe_write+0x1a8 vfs_write+0x398",
            "anon_pipe_write",
        ),
        (
            "dump_stack+0x1 warn_alloc+0x2 __alloc_pages_nodemask kmalloc_order "
            "kmalloc_order_trace __kmalloc alloc_ep_req source_sink_recv",
            "alloc_ep_req",
        ),
        ("dump_stack_lvl warn_alloc __vmalloc_node_range module_alloc load_module", "load_module"),
        (
            "dump_stack warn_alloc __alloc_pages_nodemask alloc_pages_current new_slab "
            "___slab_alloc.constprop.94 __slab_alloc.isra.89.constprop.93 kmem_cache_alloc "
            "getname_flags.part.0+0x24/0x1f0",
            "getname_flags.part.0",
        ),
        ("warn_alloc __alloc_pages page_frag_alloc_align __netdev_alloc_skb", "__netdev_alloc_skb"),
        ("dump_stack warn_alloc __alloc_pages", None),
        ("", None),
    ],
)
def test_caller_of_real_chains(frames: str, caller: str | None) -> None:
    assert caller_of(frames.split()) == caller


def test_guessed_frames_count_only_when_nothing_is_sure() -> None:
    assert caller_of(["warn_alloc+0x1/0x2", "? lock_acquire+0x1/0x2", "foo+0x1/0x2"]) == "foo"
    assert caller_of(["? warn_alloc_failed+0x1/0x2", "? sk_prot_alloc+0x1/0x2"]) == "sk_prot_alloc"


def test_symbol_of_frame_strips_module_offset_and_doubt() -> None:
    assert symbol_of_frame("? :e1000:e1000_rx+0x12/0x340") == "e1000_rx"
    assert symbol_of_frame(" ext4_map+0x1/0x2 [ext4]") == "ext4_map"
    assert symbol_of_frame("__alloc_pages") == "__alloc_pages"

"""Functions that stand between a caller and its pages (fact sheet 13.8).

In a call chain, the first function that is not one of these asked for the memory.  A name counts
when it begins with one of the prefixes, so suffixes of era (``_noprof``, ``_nodemask``,
``_slowpath``) and of compilers (``.constprop.0``) need no rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

__all__ = ["PREFIXES", "caller_of", "is_allocator_function", "symbol_of_frame"]

_PAGES = (
    "__alloc_frozen_pages",
    "__alloc_pages",
    "__folio_alloc",
    "__get_free_page",
    "__page_cache_alloc",
    "__rmqueue",
    "alloc_frozen_pages",
    "alloc_page",  # alloc_pages, alloc_pages_bulk, alloc_page_interleave, alloc_page_vma
    "filemap_alloc_folio",
    "folio_alloc",
    "get_free_page",
    "get_page_from_freelist",
    "get_zeroed_page",
    "page_cache_alloc",
    "policy_nodemask",
    "prepare_alloc_pages",
    "rmqueue",
    "vma_alloc_folio",
)
_SLAB = (
    "____cache_alloc",
    "___slab_alloc",
    "__cache_alloc",
    "__do_cache_alloc",
    "__do_kmalloc",
    "__kmalloc",
    "__kmem_cache_alloc",
    "__slab_alloc",
    "alloc_slab_page",
    "allocate_slab",
    "cache_alloc_refill",
    "cache_grow",
    "fallback_alloc",
    "kcalloc",
    "kmalloc",
    "kmem_cache_alloc",
    "kmem_cache_zalloc",
    "kmem_getpages",
    "kmemdup",
    "krealloc",
    "kstrdup",
    "kzalloc",
    "new_slab",
    "slab_alloc",
)
_ADDRESS_SPACE = (
    "__kvmalloc",
    "__vmalloc",
    "kvmalloc",
    "kvzalloc",
    "module_alloc",
    "vmalloc",
    "vzalloc",
)
_DMA_AND_FRAGMENTS = (
    "__dma_alloc",
    "__dma_direct_alloc",
    "__page_frag_alloc",
    "__page_frag_cache_refill",
    "alloc_single_sgt",
    "cma_alloc",
    "dma_alloc",
    "dma_direct_alloc",
    "dma_pool_alloc",
    "page_frag_alloc",
)
_FREES = (
    "__free_frozen_pages",
    "__free_one_page",
    "__free_pages",
    "free_frozen_page",
    "free_one_page",
    "free_pages",
    "free_pcppages",
    "free_unref",
    "kfree",
    "kmem_cache_free",
)
_REPORTS = (  # what prints the stack: the failure report and the OOM killer
    "__ratelimit",
    "___ratelimit",
    "dump_backtrace",
    "dump_header",
    "dump_stack",
    "oom_kill_process",
    "out_of_memory",
    "show_stack",
    "unwind_backtrace",
    "warn_alloc",
)
_TRACING = (
    "__ftrace_trace_stack",
    "__traceiter_",
    "ftrace_trace_stack",
    "perf_trace_",
    "save_stack_trace",
    "stack_trace_save",
    "trace_buffer_",
    "trace_event_",
    "trace_mm_page_",
)

PREFIXES = tuple(
    sorted(_PAGES + _SLAB + _ADDRESS_SPACE + _DMA_AND_FRAGMENTS + _FREES + _REPORTS + _TRACING)
)


@lru_cache(maxsize=8192)
def is_allocator_function(symbol: str) -> bool:
    """Does this function only pass requests on?  ``symbol`` without offset."""
    return symbol.removeprefix("__pfx_").startswith(PREFIXES)


def symbol_of_frame(frame: str) -> str:
    """``? :ext4:foo+0x1/0x2 [ext4]`` -> ``foo``: the function of a printed frame."""
    name = frame.strip().removeprefix("?").lstrip().partition("+0x")[0].partition(" ")[0]
    return name.rpartition(":")[2]


def caller_of(frames: Iterable[str]) -> str | None:
    """The function that asked for the memory; None when the chain ends inside the allocator.

    ``frames``: innermost first, with or without ``+0xoff/0xsize``.  Frames that the unwinder
    only guessed (a leading ``?``) are passed over while sure ones follow.
    """
    symbols = [(frame.lstrip().startswith("?"), symbol_of_frame(frame)) for frame in frames]
    sure = [symbol for guessed, symbol in symbols if not guessed]
    for symbol in sure or [symbol for _, symbol in symbols]:
        if symbol and not is_allocator_function(symbol):
            return symbol
    return None

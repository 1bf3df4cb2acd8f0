cimport cython

from buddysim.mm.zone cimport Zone

cdef int _ALLOC_NO_WATERMARKS, _ALLOC_NON_BLOCK, _ALLOC_NOFRAGMENT, _ALLOC_HIGHATOMIC
cdef int _ALLOC_KSWAPD, _ALLOC_CMA, _WMARK_MASK, _WMARK_LOW, _WMARK_HIGH
cdef int _GFP_DMA, _GFP_HIGHMEM, _GFP_DMA32, _GFP_MOVABLE, _GFP_KSWAPD_RECLAIM, _GFP_THISNODE
cdef int _CLASS_DMA, _CLASS_DMA32, _CLASS_NORMAL, _CLASS_HIGHMEM, _CLASS_MOVABLE
cdef int _MOVABLE, _RULE_MIN_RESERVE, _MAX_ORDER


@cython.final
cdef class PageAllocator:
    cdef public list zones
    cdef public list zonelists
    cdef public int nr_nodes, zone_tried
    cdef public bint nofragment, high_mark_hint, has_dma32, has_highmem, grouping_disabled
    cdef public bint tracks_lru
    cdef public long long boost_wakes

    cpdef int class_index(self, long gfp) noexcept
    cpdef int migratetype_of(self, long gfp) noexcept
    @cython.locals(flags=cython.int, zone=Zone)
    cpdef int fast_flags(self, long gfp, list zonelist, int class_index)
    @cython.locals(zone=Zone)
    cpdef bint node_has_dma32(self, int node)
    cpdef list zonelist_of(self, long gfp, int node)
    @cython.locals(zonelist=list, class_index=cython.int, flags=cython.int)
    cpdef long alloc_fast(self, int order, long gfp, int cpu, int node) except -2
    @cython.locals(pfn=cython.long)
    cpdef long get_page(
        self, int order, int migratetype, int class_index, int alloc_flags, list zonelist, int cpu
    ) except -2
    @cython.locals(preferred_node=cython.int, zone=Zone, index=cython.int)
    cpdef long scan_zones(
        self, int order, int migratetype, int class_index, int alloc_flags, list zonelist, int cpu
    ) except -2
    @cython.locals(mark=cython.longlong)
    cpdef bint zone_passes(
        self, Zone zone, int order, int class_index, int alloc_flags
    ) noexcept
    cpdef int reserve_right(self, Zone zone, int order) noexcept
    @cython.locals(zone=Zone)
    cpdef Zone zone_of(self, long pfn)
    @cython.locals(zone=Zone)
    cpdef bint free_pages(self, long pfn, int order, int cpu=*) except -1
    @cython.locals(zone=Zone)
    cpdef int take_pages(self, long pfn, int order) except -2
    @cython.locals(zone=Zone, mark=cython.longlong)
    cpdef list bulk(self, int nr_pages, long gfp, int cpu, int node)
    @cython.locals(index=cython.int)
    cpdef object bulk_from(
        self, Zone zone, int nr_pages, int migratetype, int flags, int cpu, list pfns
    )

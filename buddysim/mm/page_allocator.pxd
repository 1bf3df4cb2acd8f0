cimport cython

from buddysim.mm.zone cimport Zone

cdef int _ALLOC_NOFRAGMENT, _ALLOC_KSWAPD, _ALLOC_CMA, _WMARK_LOW
cdef int _GFP_DMA, _GFP_HIGHMEM, _GFP_DMA32, _GFP_MOVABLE, _GFP_KSWAPD_RECLAIM, _GFP_THISNODE
cdef int _CLASS_DMA, _CLASS_DMA32, _CLASS_NORMAL, _CLASS_HIGHMEM, _CLASS_MOVABLE
cdef int _MOVABLE, _ROUTE_BITS


@cython.final
cdef class Route:
    cdef public long long key
    cdef public list zonelist
    cdef public Zone zone
    cdef public int position, class_index, migratetype, flags


@cython.final
cdef class PageAllocator:
    cdef public list zones
    cdef public list zonelists
    cdef public list routes
    cdef public Zone recent_zone
    cdef public int nr_nodes
    cdef public bint nofragment, has_dma32, has_highmem, grouping_disabled
    cdef public long long boost_wakes, slow_path_entries

    cpdef int class_index(self, long gfp) noexcept
    cpdef int migratetype_of(self, long gfp) noexcept
    @cython.locals(flags=cython.int, zone=Zone)
    cpdef int fast_flags(self, long gfp, list zonelist, int class_index)
    @cython.locals(zone=Zone)
    cpdef bint node_has_dma32(self, long node)
    cpdef list zonelist_of(self, long gfp, long node)
    @cython.locals(route=Route, pfn=cython.long)
    cpdef long alloc_woken(
        self, int order, long gfp, int alloc_flags, int cpu, long node
    ) except -2
    @cython.locals(zone=Zone)
    cpdef void drop_boosts(self) except *
    @cython.locals(zone=Zone)
    cpdef bint is_free(self, long pfn) except -1
    @cython.locals(zone=Zone)
    cpdef bint is_reserve(self, long pfn) except -1
    @cython.locals(zone=Zone, most="long long", highest=cython.int)
    cpdef long most_free(self, long gfp, long node) except -1
    @cython.locals(route=Route, zone=Zone, index=cython.int)
    cpdef long alloc_fast(self, int order, long gfp, int cpu, long node) except -2
    cdef inline Route route_of(self, long gfp)
    @cython.locals(zone=Zone, position=cython.int)
    cpdef object find_route(self, Route route, long gfp, long node)
    @cython.locals(pfn=cython.long, flags=cython.int)
    cpdef long try_others(self, int order, Route route, int cpu) except -2
    @cython.locals(pfn=cython.long)
    cpdef long get_page(
        self, int order, int migratetype, int class_index, int alloc_flags, list zonelist, int cpu
    ) except -2
    @cython.locals(
        preferred_node=cython.int, position=cython.int, zone=Zone, index=cython.int
    )
    cpdef long scan_zones(
        self, int order, int migratetype, int class_index, int alloc_flags, list zonelist,
        int cpu, int start
    ) except -2
    cpdef void count_boost(self, Zone zone, int alloc_flags) noexcept
    @cython.locals(zone=Zone)
    cpdef Zone zone_of(self, long pfn)
    @cython.locals(zone=Zone)
    cdef inline Zone near_zone(self, long pfn)
    @cython.locals(zone=Zone)
    cdef Zone switch_zone(self, long pfn)
    @cython.locals(zone=Zone)
    cpdef bint free_pages(self, long pfn, int order, int cpu=*) except -1
    @cython.locals(zone=Zone, each=cython.int)
    cpdef object drain_pages(self, int cpu=*)
    @cython.locals(zone=Zone)
    cpdef int take_pages(self, long pfn, int order) except -2
    @cython.locals(zone=Zone)
    cpdef bint take_whole(self, long pfn, int order) except -1
    @cython.locals(zone=Zone, mark=cython.longlong)
    cpdef list bulk(self, int nr_pages, long gfp, int cpu, long node)
    @cython.locals(index=cython.int)
    cpdef object bulk_from(
        self, Zone zone, int nr_pages, int migratetype, int flags, int cpu, list pfns
    )

cimport cython

from buddysim.mm.fallback cimport FallbackArea

cdef int _PCP_FIXED, _PCP_LOW, _PCP_DYNAMIC, _PCP_SINGLE
cdef int _PREV_FREE_HIGH_ORDER, _FREE_HIGH_BATCH, _SCALE_MAX, _PCP_HEAD
cdef int _NR_LISTS, _NR_PCP_LISTS, _THP_ORDER, _THP_LIST, _MOVABLE, _ISOLATE, _PCPTYPES


cdef class PcpArea(FallbackArea):
    cdef public int pcp_rule, pcp_max_order
    cdef public bint pcp_thp, reclaim_active, below_high
    cdef public long long drain_count
    cdef public int[::1] pcp_count
    cdef public int[::1] pcp_batch
    cdef public int[::1] pcp_high
    cdef public int[::1] pcp_high_min
    cdef public int[::1] pcp_high_max
    cdef public int[::1] pcp_alloc_factor
    cdef public int[::1] pcp_free_count
    cdef public int[::1] pcp_flags

    cdef inline int pcp_head(self, int cpu, int pindex) noexcept
    cdef inline int pindex_of(self, int order, int migratetype) noexcept
    cpdef int pcp_list(self, int cpu, int pindex) noexcept
    cdef inline int pindex_order(self, int pindex) noexcept
    @cython.locals(high=cython.int)
    cdef inline int clamp_high(self, int cpu) noexcept
    @cython.locals(
        base=cython.int, high_min=cython.int, high_max=cython.int, high=cython.int,
        batch=cython.int, most=cython.int,
    )
    cdef inline int nr_pcp_alloc(self, int cpu, int order) noexcept
    @cython.locals(want=cython.int, got=cython.int, index=cython.int)
    cdef void refill(
        self, int cpu, int order, int migratetype, int alloc_flags, int head
    ) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef inline int pcp_pop(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef inline int rmqueue_pcplist(
        self, int cpu, int order, int migratetype, int alloc_flags
    ) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef int pcp_search(self, int cpu, int migratetype, int alloc_flags) noexcept
    @cython.locals(block_type=cython.int, migratetype=cython.int, pindex=cython.int)
    cdef inline void pcp_push(self, int cpu, int index, int order) noexcept
    cdef void release_older(self, int cpu, int order, int pindex) noexcept
    @cython.locals(batch=cython.int)
    cdef void release_batch(self, int cpu, int high, bint free_high, int pindex) noexcept
    @cython.locals(
        batch=cython.int, flags=cython.int, free_count=cython.int, free_high=cython.bint,
        high=cython.int,
    )
    cdef inline void release_dynamic(self, int cpu, int order, int pindex) noexcept
    @cython.locals(high_min=cython.int, high_max=cython.int, high=cython.int, need=cython.int)
    cdef inline int nr_pcp_high(self, int cpu, int batch, bint free_high) noexcept
    @cython.locals(wanted=cython.int)
    cdef int nr_pcp_free(self, int cpu, int batch, int high, bint free_high) noexcept
    @cython.locals(free_high=cython.bint, batch=cython.int, high=cython.int, count=cython.int)
    cdef void release_low(self, int cpu, int order, int pindex) noexcept
    @cython.locals(head=cython.int, order=cython.int)
    cdef void free_pcppages_bulk(self, int cpu, int count, int pindex) noexcept
    @cython.locals(batch_free=cython.int, migratetype=cython.int, head=cython.int)
    cdef void free_pcppages_rotating(self, int cpu, int count) noexcept
    @cython.locals(migratetype=cython.int)
    cdef inline void release_block(self, int cpu, int index, int order) noexcept
    @cython.locals(count=cython.int)
    cpdef void drain_pages(self, int cpu) noexcept
    cpdef bint above_high_mark(self) noexcept

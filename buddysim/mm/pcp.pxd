cimport cython

cimport buddysim.mm.bare as bare
from buddysim.mm.fallback cimport FallbackArea

cdef int _ALLOC_CMA, _MOVABLE, _THP_ORDER, _THP_LIST
cdef int _PCP_FIXED, _PCP_LOW, _PCP_DYNAMIC, _PCP_SINGLE
cdef int _FREE_HIGH_BATCH, _SCALE_MAX, _NR_PCP_LISTS
cdef int _SCHEME_CLAIM


cdef class PcpArea(FallbackArea):
    cdef public bint pcp_told
    cdef public int[::1] pcp_due

    cdef inline bint pcp_allowed(self, int order) noexcept
    cdef inline int pcp_head(self, int cpu, int pindex) noexcept
    cpdef int pcp_list(self, int cpu, int pindex) noexcept
    cdef inline int pindex_of(self, int order, int migratetype) noexcept
    cdef inline int pindex_order(self, int pindex) noexcept
    @cython.locals(index=cython.int)
    cdef int rmqueue_general(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef inline int rmqueue_pcplist(
        self, int cpu, int order, int migratetype, int alloc_flags
    ) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef inline int pcp_pop(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef void free_general(self, int cpu, int index, int order) noexcept
    @cython.locals(
        block_type=cython.int, migratetype=cython.int, pindex=cython.int, free_high=cython.bint
    )
    cdef inline void pcp_push(self, int cpu, int index, int order) noexcept
    @cython.locals(
        words=cython.p_int, base=cython.int, high_max=cython.int,
        high=cython.int, factor=cython.int, batch=cython.int, most=cython.int,
    )
    cdef inline int nr_pcp_alloc(self, int cpu, int order) noexcept
    @cython.locals(wanted=cython.int)
    cdef int nr_pcp_free(self, int cpu, int batch, int high, bint free_high) noexcept
    @cython.locals(free_high=cython.bint, batch=cython.int, high=cython.int, count=cython.int)
    cdef void release_low(self, int cpu, int order, int pindex) noexcept
    @cython.locals(head=cython.int, order=cython.int)
    cdef void free_pcppages_bulk(self, int cpu, int count, int pindex) noexcept
    @cython.locals(batch_free=cython.int, migratetype=cython.int, head=cython.int)
    cdef void free_pcppages_rotating(self, int cpu, int count) noexcept
    @cython.locals(count=cython.int)
    cpdef void drain_pages(self, int cpu) noexcept
    cpdef bint above_high_mark(self) noexcept
    @cython.locals(want=cython.int, got=cython.int, index=cython.int, due=cython.int)
    cdef inline void refill(
        self, int cpu, int order, int migratetype, int alloc_flags, int head
    ) noexcept
    @cython.locals(index=cython.int)
    cdef int pop_refilled(
        self, int cpu, int order, int migratetype, int alloc_flags, int head
    ) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef int pcp_search(self, int cpu, int migratetype, int alloc_flags) noexcept
    @cython.locals(batch=cython.int)
    cdef void release_dynamic(self, int cpu, int pindex, int high, bint free_high) noexcept
    @cython.locals(high_min=cython.int, high_max=cython.int, need=cython.int)
    cdef inline int nr_pcp_high(self, int cpu, int batch, int high, bint free_high) noexcept
    @cython.locals(
        words=cython.p_int, batch=cython.int, flags=cython.int
    )
    cdef bint note_high_order(self, int cpu, int pages) noexcept
    cdef void release_older(self, int cpu, int order, int pindex) noexcept
    cdef int rmqueue_buddy(self, int order, int migratetype, int alloc_flags) noexcept
    cdef void free_to_buddy(self, int index, int order) noexcept

cimport cython

from buddysim.mm.page_arrays cimport PageArrays

cdef int _JOURNAL_MOVABLE
cdef int _MERGE_ALWAYS, _MERGE_RETAG
cdef int _MAX_ORDER, _NR_TYPES, _NR_PCP_LISTS, _PCP_HEAD, _NOT_HEAD
cdef int _ALLOC_CMA, _MOVABLE, _HIGHATOMIC, _CMA, _ISOLATE, _PCPTYPES
cdef int _PCP_DYNAMIC, _PCP_FIXED, _PCP_SINGLE
cdef int _PREV_FREE_HIGH_ORDER, _SCALE_MAX, _THP_ORDER, _THP_LIST


cdef class FreeArea(PageArrays):
    cdef public long long[::1] nr_free
    cdef public int[::1] free_diff
    cdef public int[::1] cma_diff
    cdef public int stat_threshold, cpu, merge_rule
    cdef public long long free, free_cma, free_highatomic
    cdef public bint tail_rule
    cdef public int pcp_rule, pcp_max_order, pcp_base
    cdef public bint has_cma, pcp_spares_cma
    cdef public bint pcp_thp, reclaim_active, below_high
    cdef public long long pgfree
    cdef public int[::1] pcp_count
    cdef public int[::1] pcp_batch
    cdef public int[::1] pcp_high
    cdef public int[::1] pcp_high_min
    cdef public int[::1] pcp_high_max
    cdef public int[::1] pcp_alloc_factor
    cdef public int[::1] pcp_free_count
    cdef public int[::1] pcp_flags

    cpdef int list_head(self, int order, int migratetype) noexcept
    cdef inline void insert(self, int index, int before, int after, int mark) noexcept
    cdef inline void list_push(self, int index, int head, int mark) noexcept
    cpdef void list_append(self, int index, int head, int mark) noexcept
    @cython.locals(index=cython.int)
    cdef inline int list_pop(self, int head) noexcept
    @cython.locals(before=cython.int, after=cython.int)
    cdef inline void list_remove(self, int index) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef inline int first(self, int order, int migratetype) noexcept

    @cython.locals(head=cython.int)
    cdef inline void add_to_free_list(
        self, int index, int order, int migratetype, bint to_tail
    ) noexcept
    cpdef void load_free_block(self, int index, int order, int migratetype) noexcept
    cpdef void add_free_block(self, int index, int order, int migratetype) noexcept
    cdef inline void del_from_free_list(self, int index, int order) noexcept
    @cython.locals(cpu=cython.int, moved=cython.int)
    cdef inline void account_freepages(self, int nr_pages, int migratetype) noexcept
    @cython.locals(given=cython.int)
    cdef inline int expand(self, int index, int low, int high, int migratetype) noexcept
    @cython.locals(given=cython.int)
    cdef inline void take_block(self, int index, int low, int high, int migratetype) noexcept
    @cython.locals(current=cython.int, index=cython.int)
    cpdef int rmqueue_smallest(self, int order, int migratetype) noexcept
    @cython.locals(buddy=cython.int, parent_buddy=cython.int)
    cpdef void free_one_page(self, int index, int order, int migratetype, bint to_tail) noexcept
    cdef void move_to_buddy_lists(self, int index, int order, int migratetype) noexcept
    @cython.locals(other=cython.int)
    cdef bint absorb_type(self, int buddy, int order, int migratetype) noexcept

    cdef inline bint pcp_allowed(self, int order) noexcept
    cdef inline int pcp_head(self, int cpu, int pindex) noexcept
    cpdef int pcp_list(self, int cpu, int pindex) noexcept
    cdef inline int pindex_of(self, int order, int migratetype) noexcept
    cdef inline int pindex_order(self, int pindex) noexcept
    @cython.locals(high=cython.int)
    cdef int clamp_high(self, int cpu) noexcept
    @cython.locals(index=cython.int)
    cdef int rmqueue_zone(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef inline int rmqueue_pcplist(
        self, int cpu, int order, int migratetype, int alloc_flags
    ) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef inline int pcp_pop(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef void free_block(self, int cpu, int index, int order) noexcept
    @cython.locals(
        block_type=cython.int, migratetype=cython.int, pindex=cython.int, count=cython.int
    )
    cdef inline void pcp_push(self, int cpu, int index, int order) noexcept
    @cython.locals(
        batch=cython.int, flags=cython.int, free_count=cython.int, free_high=cython.bint,
        high=cython.int,
    )
    cdef inline void note_free(self, int cpu, int order, int pindex, int count) noexcept
    cdef inline void mark_movable(self, int index, int order, int value) noexcept
    cdef void mark_block_movable(self, int index, int end, int value) noexcept
    cpdef void set_movable(self, int index, int value) noexcept
    cdef inline void mark_page(self, int index, int value) noexcept

    cdef int pop_refilled(
        self, int cpu, int order, int migratetype, int alloc_flags, int head
    ) noexcept
    cdef int pcp_search(self, int cpu, int migratetype, int alloc_flags) noexcept
    cdef void release_dynamic(self, int cpu, int pindex, int high, bint free_high) noexcept
    cdef void release_older(self, int cpu, int order, int pindex) noexcept
    cdef bint note_high_order(self, int cpu, int batch) noexcept
    cdef int rmqueue_buddy(self, int order, int migratetype, int alloc_flags) noexcept
    cdef void free_to_buddy(self, int index, int order) noexcept

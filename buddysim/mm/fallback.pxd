cimport cython

from buddysim.mm.free_area cimport FreeArea

cdef int _UNMOVABLE, _MOVABLE, _RECLAIMABLE, _HIGHATOMIC, _CMA_TYPE, _MAX_ORDER
cdef int _ALLOC_CMA, _ALLOC_NOFRAGMENT, _ALLOC_KSWAPD
cdef int _SCHEME_2_6_25, _SCHEME_2_6_32, _SCHEME_3_13, _SCHEME_4_4, _SCHEME_CLASSIC, _SCHEME_CLAIM
cdef int _MODE_NORMAL, _MODE_CMA, _MODE_CLAIM, _MODE_STEAL


cdef class FallbackArea(FreeArea):
    cdef public int fallback_scheme, highatomic_rule, mode
    cdef public signed char[::1] fallbacks
    cdef public bint grouping_disabled, boosted_flag, extfrag_logging
    cdef public long long managed, mark_min, mark_low, mark_high, boost, boost_factor
    cdef public long long nr_reserved_highatomic, extfrag_count
    cdef public list extfrag_log
    cdef public int free_in_block, movable_in_block

    @cython.locals(index=cython.int)
    cdef int rmqueue(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(index=cython.int)
    cdef inline int rmqueue_staged(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(other=cython.int)
    cdef inline int find_fallback(self, int order, int migratetype) noexcept
    cdef bint may_claim(self, int order, int migratetype) noexcept
    @cython.locals(
        min_order=cython.int, current=cython.int, other=cython.int, block=cython.int,
        index=cython.int,
    )
    cdef int rmqueue_claim(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(block_type=cython.int)
    cdef int try_to_claim_block(
        self, int block, int current, int order, int migratetype, int alloc_flags
    ) noexcept
    cdef int alike_pages(self, int migratetype, int block_type) noexcept
    @cython.locals(
        start=cython.int, end=cython.int, free=cython.int, movable=cython.int, order=cython.int
    )
    cdef bint scan_pageblock(self, int index) noexcept
    @cython.locals(start=cython.int, end=cython.int, moved=cython.int, order=cython.int)
    cdef int move_freepages_block(self, int index, int old_type, int new_type) noexcept
    @cython.locals(head=cython.int)
    cdef void move_to_free_list(self, int index, int order, int old_type, int new_type) noexcept
    @cython.locals(current=cython.int, other=cython.int, index=cython.int)
    cdef int rmqueue_steal(self, int order, int migratetype) noexcept
    @cython.locals(index=cython.int)
    cdef int rmqueue_classic(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(
        min_order=cython.int, current=cython.int, other=cython.int, whole=cython.bint,
        block=cython.int,
    )
    cdef bint fallback_whole(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(block_type=cython.int)
    cdef void steal_suitable_fallback(
        self, int block, int current, int migratetype, bint whole, int alloc_flags
    ) noexcept
    @cython.locals(current=cython.int, other=cython.int, index=cython.int, rest_type=cython.int)
    cdef int fallback_old(self, int order, int migratetype) noexcept
    @cython.locals(
        scheme=cython.int, block=cython.int, rest_type=cython.int, retagged=cython.bint,
        pages=cython.int,
    )
    cdef int claim_old(self, int index, int current, int migratetype, int other) noexcept
    @cython.locals(start=cython.int, end=cython.int, order=cython.int)
    cdef void relist_others(self, int index, int migratetype) noexcept
    @cython.locals(half=cython.int)
    cdef void retype_split_rest(self, int index, int low, int high, int old, int new) noexcept
    @cython.locals(high=cython.longlong, cap=cython.longlong)
    cdef bint boost_watermark(self) noexcept
    @cython.locals(block_nr_pages=cython.int, cap=cython.longlong, block_type=cython.int)
    cdef void reserve_highatomic(self, int index, int order) noexcept
    @cython.locals(
        block_nr_pages=cython.int, order=cython.int, index=cython.int, size=cython.longlong
    )
    cpdef bint unreserve_highatomic(self, int migratetype, bint force) noexcept
    @cython.locals(order=cython.int)
    cdef int highatomic_order(self) noexcept
    cdef void count_extfrag(
        self, int index, int order, int fallback_order, int migratetype, int fallback
    ) noexcept

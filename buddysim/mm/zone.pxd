cimport cython

from buddysim.mm.told cimport ToldArea

cdef int _RULE_LOOP, _RULE_LOOP_CMA, _RULE_LIST, _RULE_LIST_OOM, _RULE_MIN_RESERVE
cdef int _RULE_FREE_HIGHATOMIC
cdef int _ALLOC_NO_WATERMARKS, _ALLOC_OOM, _ALLOC_NON_BLOCK, _ALLOC_MIN_RESERVE, _ALLOC_CMA
cdef int _ALLOC_HIGHATOMIC
cdef int _ALLOC_RESERVES, _ALLOC_BOOST_EXEMPT, _HARDER
cdef int _MERGE_RETAG, _WMARK_MASK, _WMARK_MIN, _WMARK_LOW, _MAX_ORDER
cdef int _HIGHATOMIC, _FREE_TYPES, _MOVABLE, _CMA_TYPE, _PCP_HEAD, _CLASS_MOVABLE, _PCP_DYNAMIC


@cython.final
cdef class Zone(ToldArea):
    cdef public str name
    cdef public int node, zone_index, watermark_rule
    cdef public long long start_pfn, end_pfn, spanned, present, mark_promo, pgalloc
    cdef public bint tracks_lru
    cdef public long long[::1] lowmem_reserve

    cpdef long long wmark(self, int which) noexcept
    @cython.locals(order=cython.int)
    cpdef void add_free_range(self, int index, int end) noexcept
    @cython.locals(head=cython.int, index=cython.int, blocks=cython.longlong)
    cpdef long long nr_free_type(self, int order, int migratetype) noexcept
    @cython.locals(migratetype=cython.int, blocks=cython.longlong)
    cpdef long long suitable_blocks(self, int order) noexcept
    @cython.locals(unusable=cython.longlong, rule=cython.int)
    cpdef long long unusable_free(self, int order, int alloc_flags) noexcept
    cpdef long long lowered_min(self, long long mark, int alloc_flags) noexcept
    cpdef bint watermark_ok(
        self, int order, long long mark, int class_index, int alloc_flags, long long free
    ) noexcept
    @cython.locals(rule=cython.int)
    cpdef bint has_suitable_block(self, int order, int alloc_flags) noexcept
    cpdef bint sees_highatomic(self, int alloc_flags) noexcept
    @cython.locals(small=cython.int)
    cpdef bint watermark_ok_loop(
        self, int order, long long mark, int class_index, int alloc_flags, long long free
    ) noexcept
    @cython.locals(free=cython.longlong, reserved=cython.longlong, usable=cython.longlong)
    cpdef bint watermark_fast(
        self, int order, long long mark, int class_index, int alloc_flags
    ) noexcept
    @cython.locals(index=cython.int)
    cpdef int attempt(
        self, int cpu, int order, int migratetype, int class_index, int alloc_flags
    ) noexcept
    @cython.locals(mark=cython.longlong)
    cpdef bint passes(self, int order, int class_index, int alloc_flags) noexcept
    cpdef int reserve_right(self, int order) noexcept
    @cython.locals(new_rule=cython.bint, first_rights=cython.int, index=cython.int)
    cpdef int rmqueue_buddy(self, int order, int migratetype, int alloc_flags) noexcept
    @cython.locals(end=cython.int, taken=cython.int, head=cython.int, held=cython.int)
    cpdef int take_pages(self, int index, int order) noexcept
    @cython.locals(head=cython.int, held=cython.int)
    cdef bint take_whole(self, int index, int order) noexcept
    @cython.locals(held=cython.int)
    cdef int unhook(self, int head) noexcept
    @cython.locals(link=cython.int, cpu=cython.int)
    cpdef void unhook_pcp(self, int head, int order) noexcept
    @cython.locals(block_end=cython.int, migratetype=cython.int, half=cython.int)
    cpdef int return_outside(self, int head, int order, int start, int end) noexcept
    @cython.locals(piece=cython.int, end=cython.int, migratetype=cython.int)
    cpdef void free_to_buddy(self, int index, int order) noexcept

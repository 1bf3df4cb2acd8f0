cimport cython

cdef int _JOURNAL_NEXT, _JOURNAL_PREV, _JOURNAL_ORDER, _JOURNAL_TYPE, _JOURNAL_MOVABLE
cdef int _JOURNAL_PAGEBLOCK, _JOURNAL_ENTRY
cdef int _MERGE_ALWAYS, _MERGE_RETAG
cdef int _MAX_ORDER, _NR_LISTS, _PCP_LISTS, _PCP_HEAD, _NR_TYPES
cdef int _HIGHATOMIC, _CMA, _ISOLATE, _NOT_HEAD


cdef class FreeArea:
    cdef public int base, start, end, size, pageblock_order, nr_cpus
    cdef public int[::1] next
    cdef public int[::1] prev
    cdef public signed char[::1] order_of
    cdef public signed char[::1] type_of
    cdef public signed char[::1] movable
    cdef public signed char[::1] pageblock
    cdef public long long[::1] nr_free
    cdef public int[::1] free_diff
    cdef public int[::1] cma_diff
    cdef public int stat_threshold, cpu, merge_rule
    cdef public long long free, free_cma, free_highatomic
    cdef public bint tail_rule, type_stored, journaling
    cdef public int[::1] journal
    cdef public long long journal_used

    cpdef void set_next(self, int index, int value) noexcept
    cpdef void set_prev(self, int index, int value) noexcept
    cpdef void set_order(self, int index, int value) noexcept
    cpdef void set_type(self, int index, int value) noexcept
    cpdef void set_movable(self, int index, int value) noexcept
    cpdef void set_pageblock(self, int block, int migratetype) noexcept
    @cython.locals(used=cython.longlong)
    cpdef void note(self, int what, int index, int old) noexcept
    cpdef void grow_journal(self) noexcept
    @cython.locals(position=cython.longlong, what=cython.int, index=cython.int, old=cython.int)
    cpdef void roll_back(self, long long mark) noexcept

    cpdef int list_head(self, int order, int migratetype) noexcept
    cpdef int pcp_head(self, int cpu, int pindex) noexcept
    @cython.locals(first=cython.int)
    cpdef void list_add(self, int index, int head) noexcept
    @cython.locals(last=cython.int)
    cpdef void list_add_tail(self, int index, int head) noexcept
    @cython.locals(before=cython.int, after=cython.int)
    cpdef void list_del(self, int index) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cpdef int first(self, int order, int migratetype) noexcept

    @cython.locals(head=cython.int)
    cpdef void add_to_free_list(self, int index, int order, int migratetype, bint to_tail) noexcept
    cpdef void del_from_free_list(self, int index, int order) noexcept
    @cython.locals(cpu=cython.int, moved=cython.int)
    cpdef void account_freepages(self, int nr_pages, int migratetype) noexcept
    @cython.locals(given=cython.int)
    cpdef int expand(self, int index, int low, int high, int migratetype) noexcept
    @cython.locals(given=cython.int)
    cpdef void take_block(self, int index, int low, int high, int migratetype) noexcept
    @cython.locals(current=cython.int, index=cython.int)
    cpdef int rmqueue_smallest(self, int order, int migratetype) noexcept
    @cython.locals(buddy=cython.int, parent_buddy=cython.int)
    cpdef void free_one_page(self, int index, int order, int migratetype, bint to_tail) noexcept
    @cython.locals(other=cython.int)
    cpdef bint absorb_type(self, int buddy, int order, int migratetype) noexcept
    @cython.locals(block=cython.int, last=cython.int)
    cpdef void change_pageblock_range(self, int index, int order, int migratetype) noexcept
    @cython.locals(order=cython.int, head=cython.int, held=cython.int)
    cpdef int block_of(self, int index) noexcept

cimport cython

cdef int _JOURNAL_NEXT, _JOURNAL_PREV, _JOURNAL_ORDER, _JOURNAL_TYPE, _JOURNAL_MOVABLE
cdef int _JOURNAL_PAGEBLOCK, _JOURNAL_ENTRY
cdef int _MERGE_ALWAYS, _MERGE_RETAG
cdef int _MAX_ORDER, _PCP_HEAD, _NR_TYPES
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

    cdef inline void set_order(self, int index, int value) noexcept
    cpdef void set_type(self, int index, int value) noexcept
    cdef void set_pageblock(self, int block, int migratetype) noexcept
    @cython.locals(used=cython.longlong)
    cdef void note(self, int what, int index, int old) noexcept
    cdef void grow_journal(self) noexcept
    @cython.locals(position=cython.longlong, what=cython.int, index=cython.int, old=cython.int)
    cpdef void roll_back(self, long long mark) noexcept

    cpdef int list_head(self, int order, int migratetype) noexcept
    cdef inline void list_add(self, int index, int head) noexcept
    cdef inline void list_add_tail(self, int index, int head) noexcept
    cdef inline void insert(self, int index, int before, int after) noexcept
    @cython.locals(before=cython.int, after=cython.int)
    cdef inline void list_del(self, int index) noexcept
    cdef inline void list_push(self, int index, int head, int mark) noexcept
    cpdef void list_append(self, int index, int head, int mark) noexcept
    @cython.locals(index=cython.int)
    cdef inline int list_pop(self, int head) noexcept
    cdef inline void list_remove(self, int index) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef inline int first(self, int order, int migratetype) noexcept

    @cython.locals(head=cython.int)
    cdef inline void add_to_free_list(self, int index, int order, int migratetype, bint to_tail) noexcept
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
    @cython.locals(block=cython.int, last=cython.int)
    cpdef void change_pageblock_range(self, int index, int order, int migratetype) noexcept
    @cython.locals(order=cython.int, head=cython.int, held=cython.int)
    cpdef int block_of(self, int index) noexcept

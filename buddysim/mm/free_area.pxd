cimport cython

cimport buddysim.mm.bare as bare
from buddysim.mm.cpu_words cimport CpuWords

cdef int _MERGE_ALWAYS, _MERGE_RETAG
cdef int _ORDINARY_FLAGS


cdef class FreeArea(CpuWords):
    cdef public long long[::1] nr_free
    cdef public int stat_threshold, cpu, merge_rule
    cdef public long long free, free_cma, free_highatomic
    cdef public bint tail_rule
    cdef public int pcp_rule, pcp_max_order, pcp_base, plain_order, plain_page
    cdef public bint has_cma, pcp_spares_cma
    cdef public bint pcp_thp, reclaim_active, below_high
    cdef public long long pgfree, drain_count

    @cython.locals(plain=cython.bint)
    cpdef void settle_rules(self) noexcept
    cpdef void keep_journal(self, bint on) noexcept
    cpdef int list_head(self, int order, int migratetype) noexcept
    @cython.locals(link=cython.p_int)
    cdef inline void insert(
        self, Py_ssize_t index, Py_ssize_t before, Py_ssize_t after, int mark
    ) noexcept
    cdef inline void list_push(self, Py_ssize_t index, Py_ssize_t head, int mark) noexcept
    cpdef void list_append(self, Py_ssize_t index, Py_ssize_t head, int mark) noexcept
    @cython.locals(index=cython.Py_ssize_t)
    cdef inline Py_ssize_t list_pop(self, Py_ssize_t head) noexcept
    @cython.locals(link=cython.p_int, before=cython.Py_ssize_t, after=cython.Py_ssize_t)
    cdef inline void list_remove(self, Py_ssize_t index) noexcept
    @cython.locals(head=cython.Py_ssize_t, index=cython.Py_ssize_t)
    cdef inline int first(self, int order, int migratetype) noexcept

    @cython.locals(head=cython.Py_ssize_t)
    cdef inline void add_to_free_list(
        self, int index, int order, int migratetype, bint to_tail
    ) noexcept
    cpdef void load_free_block(self, int index, int order, int migratetype) noexcept
    cpdef void add_free_block(self, int index, int order, int migratetype) noexcept
    cdef inline void del_from_free_list(self, int index, int order) noexcept
    @cython.locals(words=cython.p_int, moved=cython.int)
    cdef inline void account_freepages(self, int nr_pages, int migratetype) noexcept
    @cython.locals(words=cython.p_int, moved=cython.int)
    cdef bint account_reserve(self, int nr_pages, int migratetype) noexcept
    cdef inline void expand(self, int index, int low, int high, int migratetype) noexcept
    cdef inline void take_block(self, int index, int low, int high, int migratetype) noexcept
    cpdef int rmqueue_smallest(self, int order, int migratetype) noexcept
    @cython.locals(
        current=cython.int, link=cython.p_int, head=cython.Py_ssize_t, index=cython.Py_ssize_t
    )
    cdef inline int take_smallest(self, int order, int migratetype) noexcept
    @cython.locals(got=cython.int, index=cython.Py_ssize_t)
    cdef int move_smallest(
        self, int order, int migratetype, Py_ssize_t head, int want
    ) noexcept
    cpdef void free_one_page(self, int index, int order, int migratetype, bint to_tail) noexcept
    @cython.locals(
        buddy=cython.Py_ssize_t, parent_buddy=cython.Py_ssize_t, bit=cython.Py_ssize_t,
        heads=cython.p_schar,
    )
    cdef inline void merge_back(
        self, Py_ssize_t index, int order, int migratetype, bint to_tail
    ) noexcept
    cdef void release_block(self, int cpu, int index, int order) noexcept
    @cython.locals(migratetype=cython.int)
    cdef inline void put_back(self, Py_ssize_t index, int order) noexcept
    @cython.locals(
        link=cython.p_int, blocks=cython.int, index=cython.Py_ssize_t, before=cython.Py_ssize_t
    )
    cdef int release_tail(self, int cpu, Py_ssize_t head, int order, int pages) noexcept
    @cython.locals(other=cython.int)
    cdef bint absorb_type(self, int buddy, int order, int migratetype) noexcept

    @cython.locals(head=cython.Py_ssize_t, index=cython.Py_ssize_t)
    cdef int rmqueue_zone(
        self, Py_ssize_t cpu, Py_ssize_t order, Py_ssize_t migratetype, int alloc_flags
    ) noexcept
    @cython.locals(index=cython.Py_ssize_t, after=cython.Py_ssize_t)
    cdef inline Py_ssize_t pop_plain(
        self, int *link, int *words, Py_ssize_t head, int order
    ) noexcept
    @cython.locals(words=cython.p_int, head=cython.Py_ssize_t, migratetype=cython.Py_ssize_t)
    cdef void free_block(self, Py_ssize_t cpu, Py_ssize_t index, int order) noexcept
    @cython.locals(after=cython.Py_ssize_t)
    cdef inline void push_plain(
        self, int *link, int *words, Py_ssize_t head, Py_ssize_t index
    ) noexcept
    @cython.locals(count=cython.int, free_count=cython.int, high=cython.int)
    cdef inline bint note_free(self, int *words, int pages, bint free_high) noexcept
    @cython.locals(high=cython.int, count=cython.int)
    cdef void release_due(self, int cpu, int pindex, bint free_high) noexcept
    @cython.locals(
        link=cython.p_int, words=cython.p_int, lists=cython.Py_ssize_t, failed=cython.int,
        freed=cython.longlong, row=cython.Py_ssize_t, order=cython.int, slot=cython.Py_ssize_t,
        index=cython.Py_ssize_t, migratetype=cython.Py_ssize_t,
    )
    cpdef int run_rows(
        self, signed char[::1] orders, int[::1] slots, signed char[::1] types,
        long long[::1] held, Py_ssize_t start, Py_ssize_t end
    ) noexcept

    cdef int rmqueue_general(self, int cpu, int order, int migratetype, int alloc_flags) noexcept
    cdef void free_general(self, int cpu, int index, int order) noexcept
    cdef void release_dynamic(self, int cpu, int pindex, int high, bint free_high) noexcept

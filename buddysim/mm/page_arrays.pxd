cimport cython

cimport buddysim.mm.bare as bare

cdef int _JOURNAL_NEXT, _JOURNAL_PREV, _JOURNAL_ORDER, _JOURNAL_TYPE, _JOURNAL_MOVABLE
cdef int _JOURNAL_PAGEBLOCK, _JOURNAL_ENTRY, _MAX_ORDER, _PCP_HEAD


cdef class PageArrays:
    cdef public int base, start, end, size, pageblock_order, nr_cpus
    cdef public int[::1] links
    cdef public int[:] next
    cdef public int[:] prev
    cdef public signed char[::1] order_of
    cdef public signed char[::1] type_of
    cdef public signed char[::1] movable
    cdef public signed char[::1] pageblock
    cdef public bint type_stored, journaling
    cdef public int[::1] journal
    cdef public long long journal_used
    cdef int *link
    cdef signed char *head_order
    cdef signed char *is_movable
    cdef signed char *block_type

    cpdef void set_type(self, int index, int value) noexcept
    cdef void set_pageblock(self, int block, int migratetype) noexcept
    cdef inline void mark_movable(self, int index, int order, int value) noexcept
    cdef void mark_block_movable(self, int index, int end, int value) noexcept
    cpdef void set_movable(self, int index, int value) noexcept
    cdef inline void mark_page(self, int index, int value) noexcept
    @cython.locals(used=cython.longlong)
    cdef inline void note(self, int what, int index, int old) noexcept
    cdef void note_insert(self, int index, int before, int after) noexcept
    cdef void note_removal(self, int index, int before, int after) noexcept
    cdef void grow_journal(self) noexcept
    @cython.locals(position=cython.longlong, what=cython.int, index=cython.int, old=cython.int)
    cpdef void roll_back(self, long long mark) noexcept
    @cython.locals(block=cython.int, last=cython.int)
    cpdef void change_pageblock_range(self, int index, int order, int migratetype) noexcept
    @cython.locals(order=cython.int, head=cython.int, held=cython.int)
    cpdef int block_of(self, int index) noexcept

cimport cython

cdef long long _NO_BLOCK, _CHUNK_BITS, _CHUNK_MASK, _ROOT_LIMIT, _MAX_ORDER, _ORDER_MASK
cdef int _ENTRY, _OWNER, _JOURNAL_ENTRY


@cython.final
cdef class LiveBlocks:
    cdef public int[::1] root
    cdef public dict far
    cdef public long long[::1] entries
    cdef public long long[::1] bases
    cdef public int[::1] owners
    cdef public long long count, nr_chunks, journal_used
    cdef public bint journaling
    cdef public long long[::1] journal

    @cython.locals(number=cython.longlong, chunk=cython.longlong)
    cpdef long slot_of(self, long long key) except -2
    cpdef long far_chunk(self, long long number) except -2
    @cython.locals(slot=cython.longlong)
    cpdef long find(self, long long key) except -2
    @cython.locals(slot=cython.longlong)
    cpdef long put(self, long long key, long long entry) except -2
    @cython.locals(before=cython.longlong)
    cpdef int set_entry(self, long long slot, long long entry) except -2
    cpdef int owner(self, long long page) except -2
    cpdef int set_owner(self, long long page, int slot) except -2
    cpdef int begin(self, long long slot, long long key, long long entry, long long page) except -2
    cpdef int end(self, long long slot, long long page) except -2
    @cython.locals(number=cython.longlong, chunk=cython.longlong)
    cpdef long new_slot(self, long long key) except -2
    cpdef object grow_root(self, long long number)
    @cython.locals(more=cython.longlong)
    cpdef object grow(self)
    cpdef long long key_at(self, long long slot) noexcept
    @cython.locals(order=cython.int, head=cython.longlong, slot=cython.longlong)
    cpdef long slot_covering(self, long long pfn, long long first) except -2
    @cython.locals(order=cython.int, head=cython.longlong, entry=cython.longlong)
    cpdef long covering(self, long long key) except -2
    @cython.locals(used=cython.longlong)
    cpdef int note(self, long long what, long long index, long long old) except -2
    @cython.locals(position=cython.longlong, index=cython.longlong, old=cython.longlong)
    cpdef object roll_back(self, long long mark)

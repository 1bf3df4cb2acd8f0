cimport cython


@cython.final
cdef class ShapeCounts:
    cdef public unsigned long long[::1] keys
    cdef public long long[::1] counts
    cdef public int[::1] rights
    cdef public long long mask, used

    @cython.locals(place=cython.longlong)
    cpdef long long place_of(self, unsigned long long key) noexcept
    cpdef void give_rights(self, unsigned long long key, int alloc_flags) noexcept
    @cython.locals(place=cython.longlong, before=cython.longlong)
    cpdef long add(self, unsigned long long key) except -2
    @cython.locals(place=cython.longlong)
    cpdef object grow(self)

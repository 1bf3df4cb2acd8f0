cimport cython


@cython.final
cdef class ShapeCounts:
    cdef public unsigned long long[::1] keys
    cdef public long long[::1] counts
    cdef public int[::1] rights
    cdef public long long mask, used

    @cython.locals(place=cython.longlong)
    cpdef long long place_of(self, unsigned long long key) noexcept
    cpdef bint knows(self, unsigned long long key) noexcept
    @cython.locals(place=cython.longlong)
    cpdef object introduce(self, unsigned long long key, int alloc_flags)
    cpdef void add(self, unsigned long long key) noexcept
    @cython.locals(place=cython.longlong)
    cpdef object grow(self)

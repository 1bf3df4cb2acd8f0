cimport cython

cdef int _MAX_ORDER, _IN_USE


@cython.final
cdef class SplitMerge:
    cdef public int size
    cdef public int[::1] next
    cdef public int[::1] prev
    cdef public signed char[::1] order_of

    @cython.locals(head=cython.int, first=cython.int)
    cpdef void link(self, int index, int order) noexcept
    @cython.locals(before=cython.int, after=cython.int)
    cpdef void unlink(self, int index) noexcept
    @cython.locals(current=cython.int, index=cython.int)
    cpdef int alloc(self, int order) noexcept
    @cython.locals(buddy=cython.int)
    cpdef void free(self, int index, int order) noexcept


@cython.locals(
    orders=cython.schar[::1],
    slots=cython.int[::1],
    taken=cython.longlong[::1],
    failed=cython.int,
    row=cython.int,
    order=cython.int,
    slot=cython.int,
    block=cython.longlong,
    index=cython.longlong,
)
cpdef int run_bound(SplitMerge area, object plan, int start, int end, object held) except -1

cimport cython

cdef int _ALLOC, _FREE, _LARGEST_ORDER, _SEEN
cdef long long _MOST_PAGES


@cython.final
cdef class FirstEvents:
    cdef public object pages
    cdef public long long highest_pfn
    cdef public int highest_cpu

    @cython.locals(
        pages="unsigned char[::1]", room=Py_ssize_t, at=Py_ssize_t, kind=int, order=int,
        pfn="long long", highest_cpu=int, found=Py_ssize_t,
    )
    cpdef Py_ssize_t _note(
        self,
        const unsigned char[::1] kinds,
        const signed char[::1] orders,
        const unsigned short[::1] cpus,
        const long long[::1] pfns,
        Py_ssize_t row,
        Py_ssize_t rows,
    ) except -1

    @cython.locals(
        pages="const unsigned char[::1]", pfn="long long", seen=int,
    )
    cpdef list freed(self)

cimport cython

from buddysim.mm.zone cimport Zone

cdef int _HEAD_WORDS, _NR_ORDERS


@cython.final
cdef class Glances:
    cdef list zones
    cdef object column
    cdef readonly list held
    cdef readonly Py_ssize_t width, count
    cdef Py_ssize_t most
    cdef readonly long long stride, next_event
    cdef long long[::1] words

    @cython.locals(event="long long")
    cpdef int due(self, object batch, int row, int end, object state) except -1

    @cython.locals(words="long long[::1]", at=Py_ssize_t)
    cpdef int take(self, long long event, long long time_ns, object state) except -1

    @cython.locals(held="long long", caller=Py_ssize_t)
    cdef Py_ssize_t held_pages(self, long long[::1] live_pages) except? -1

    @cython.locals(
        words="long long[::1]", used="long long", zone=Zone, order=int,
    )
    cdef Py_ssize_t used_pages(self, Py_ssize_t at) except? -1

    @cython.locals(
        kept=Py_ssize_t, glance=Py_ssize_t, at=Py_ssize_t, to=Py_ssize_t, word=Py_ssize_t,
    )
    cdef int thin(self) except -1

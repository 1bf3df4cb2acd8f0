cimport cython

from buddysim.mm.zone cimport Zone

cdef int _NR_ORDERS


@cython.locals(
    zone=Zone,
    used=cython.longlong,
    at=cython.int,
    cpu=cython.int,
    order=cython.int,
    held=cython.longlong,
    caller=cython.Py_ssize_t,
)
cpdef long long glance(list zones, long long[::1] live_pages, long long[::1] words) except? -1

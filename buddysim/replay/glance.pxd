cimport cython

from buddysim.mm.zone cimport Zone

cdef int _NR_ORDERS


@cython.locals(
    zone=Zone, used=cython.longlong, at=cython.int, cpu=cython.int, order=cython.int
)
cpdef object glance(list zones, long long[::1] words)

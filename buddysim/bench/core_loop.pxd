cimport cython

from buddysim.mm.page_allocator cimport PageAllocator
from buddysim.mm.zone cimport Zone

cdef int _FLAGS


@cython.locals(
    orders=cython.schar[::1],
    slots=cython.int[::1],
    gfps=cython.uint[::1],
    taken=cython.longlong[::1],
    failed=cython.int,
    row=cython.int,
    order=cython.int,
    slot=cython.int,
    block=cython.longlong,
    index=cython.longlong,
)
cpdef int run_zone(Zone zone, object plan, int start, int end, object held) except -1


@cython.locals(
    orders=cython.schar[::1],
    slots=cython.int[::1],
    gfps=cython.uint[::1],
    taken=cython.longlong[::1],
    failed=cython.int,
    row=cython.int,
    order=cython.int,
    slot=cython.int,
    block=cython.longlong,
    pfn=cython.longlong,
)
cpdef int run_allocator(
    PageAllocator allocator, object plan, int start, int end, object held
) except -1

cimport cython

from buddysim.mm.page_allocator cimport PageAllocator


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

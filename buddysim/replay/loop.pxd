cimport cython

from buddysim.mm.page_allocator cimport PageAllocator

cdef long long _ALLOC, _FREE, _CALLER_MASK, _NOWHERE


@cython.locals(
    kinds=cython.longlong[::1],
    kind=cython.uchar[::1],
    pfns=cython.longlong[::1],
    orders=cython.schar[::1],
    gfps=cython.uint[::1],
    callers=cython.uint[::1],
    contexts=cython.uchar[::1],
    cpus=cython.ushort[::1],
    handles=cython.int[::1],
    owner=cython.longlong[::1],
    live_pages=cython.longlong[::1],
    allocator=PageAllocator,
    live=dict,
    shapes=dict,
    watched=set,
    log=list,
    first=cython.longlong,
    fast=cython.bint,
    succeeded=cython.longlong,
    freed=cython.longlong,
    row=cython.int,
    what=cython.int,
    pfn=cython.longlong,
    caller=cython.longlong,
    order=cython.int,
    shape=cython.ulonglong,
    count=cython.longlong,
    sim=cython.longlong,
    entry=cython.longlong,
    page=cython.longlong,
)
cpdef int run_rows(object state, object batch, int start, int end) except -1

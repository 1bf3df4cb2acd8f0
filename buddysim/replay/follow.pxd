cimport cython

from buddysim.mm.page_allocator cimport PageAllocator
from buddysim.replay.live_blocks cimport LiveBlocks

cdef long long _ALLOC, _FREE, _NOWHERE, _NO_BLOCK


@cython.locals(
    kind=cython.uchar[::1],
    pfns=cython.longlong[::1],
    callers=cython.uint[::1],
    chosen=cython.uchar[::1],
    row=cython.int,
)
cpdef int next_request(object batch, int start, int end, object chosen) except -1


@cython.locals(
    kind=cython.uchar[::1],
    pfns=cython.longlong[::1],
    orders=cython.schar[::1],
    gfps=cython.uint[::1],
    callers=cython.uint[::1],
    cpus=cython.ushort[::1],
    quiet=cython.uchar[::1],
    allocator=PageAllocator,
    live=LiveBlocks,
    first=cython.longlong,
    row=cython.int,
    what=cython.int,
    pfn=cython.longlong,
    caller=cython.longlong,
    order=cython.int,
    slot=cython.longlong,
    sim=cython.longlong,
    entry=cython.longlong,
)
cpdef int follow_rows(
    object state, object batch, int start, int end, long long doomed, long long awaited
) except -1

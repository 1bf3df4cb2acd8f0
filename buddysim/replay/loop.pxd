cimport cython

from buddysim.mm.page_allocator cimport PageAllocator
from buddysim.mm.zone cimport Zone
from buddysim.replay.glance cimport Glances
from buddysim.replay.live_blocks cimport LiveBlocks
from buddysim.replay.shape_counts cimport ShapeCounts
from buddysim.replay.waiting cimport wait_for_page

cdef long long _ALLOC, _FREE, _CALLER_MASK, _NOWHERE
cdef long _WAIT, _RESERVE_RIGHTS
cdef int _WAITS, _KSWAPD_WAKE, _KSWAPD_SLEEP


@cython.locals(cpus=cython.ushort[::1], row=cython.Py_ssize_t)
cpdef object fit_cpus(object batch, int ncpus)


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
    requests=cython.longlong[::1],
    live_pages=cython.longlong[::1],
    watched=cython.uchar[::1],
    quiet=cython.uchar[::1],
    results=cython.longlong[::1],
    allocator=PageAllocator,
    live=LiveBlocks,
    shapes=ShapeCounts,
    log=list,
    first=cython.longlong,
    fast=cython.bint,
    recorded=cython.bint,
    is_plain=cython.bint,
    unknown=cython.longlong,
    released=cython.longlong,
    used=cython.longlong,
    succeeded=cython.longlong,
    freed=cython.longlong,
    row=cython.int,
    stop=cython.int,
    glances=Glances,
    what=cython.int,
    pfn=cython.longlong,
    caller=cython.longlong,
    order=cython.int,
    shape=cython.ulonglong,
    place=cython.longlong,
    slot=cython.longlong,
    sim=cython.longlong,
)
cpdef int run_rows(object state, object batch, int start, int end) except -1


@cython.locals(allocator=PageAllocator, pfn=cython.long)
cdef long try_again(
    object state, int rights, int order, long gfp, int cpu, long long caller
) except -2


@cython.locals(zone=Zone)
cpdef bint note_kswapd(PageAllocator allocator, int kind) except -1


@cython.locals(end=cython.longlong)
cpdef bint is_background(
    LiveBlocks live, PageAllocator allocator, long long pfn, int order, long long first
) except -1


cdef inline bint is_unknown(
    LiveBlocks live, PageAllocator allocator, long long pfn, int order, long long first
) except -1


@cython.locals(entry=cython.longlong, sim=cython.longlong)
cdef inline long long end_block(
    LiveBlocks live, long long slot, int order, long long first, long long[::1] live_pages
) except -2


@cython.locals(sim=cython.longlong, order=cython.int)
cdef inline bint release_live(
    LiveBlocks live, long long slot, long long first, long long[::1] live_pages,
    PageAllocator allocator, int cpu
) except -1


cpdef bint uses_reserves(long gfp) noexcept

cimport cython

from buddysim.mm.page_allocator cimport PageAllocator, Route
from buddysim.mm.zone cimport Zone

cdef long _WAIT, _ENDS, _SPECIAL
cdef int _ROOMY, _WORTH_DRAINING, _WMARK_MIN, _NO_WATERMARKS, _KEPT_FLAGS


@cython.locals(route=Route, flags=cython.int, pfn=cython.long)
cpdef long wait_for_page(
    PageAllocator allocator, long gfp, int alloc_flags, int cpu
) except -2


cpdef bint is_roomy(PageAllocator allocator, long gfp, long node) except -1


@cython.locals(zone=Zone)
cpdef bint drain_if_worth(PageAllocator allocator) except -1


@cython.locals(zone=Zone, free=cython.longlong, mark=cython.longlong)
cdef bint _is_certain(Route route, int alloc_flags) except -1

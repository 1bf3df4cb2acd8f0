cimport cython

from buddysim.mm.pcp cimport PcpArea

cdef int _PCP_HEAD, _NR_PCP_LISTS, _THP_LIST, _THP_ORDER, _MOVABLE, _PCPTYPES, _FLUSH_FLAGS


cdef class ToldArea(PcpArea):
    cpdef void told_refill(self, int cpu, int order, int migratetype) noexcept
    @cython.locals(pindex=cython.int, other=cython.int, at=cython.int)
    cpdef bint told_drain(self, int cpu, int order, int migratetype) noexcept
    @cython.locals(head=cython.int, index=cython.int)
    cdef bint release_oldest(self, int cpu, int order, int pindex) noexcept
    @cython.locals(ahead=cython.longlong, cpu=cython.int)
    cpdef long long settle_free(self, long long wanted, bint flush) noexcept
    @cython.locals(place=cython.int, due=cython.int)
    cdef void flush_due(self) noexcept
    @cython.locals(order=cython.int, migratetype=cython.int, index=cython.int)
    cdef void append_blocks(self, int cpu, int pindex, int blocks) noexcept
    @cython.locals(step=cython.int, migratetype=cython.int, index=cython.int)
    cdef long long park(self, long long pages) noexcept
    @cython.locals(place=cython.int, pindex=cython.int, order=cython.int)
    cdef long long unpark(self, long long pages) noexcept
    @cython.locals(lowest=cython.int)
    cpdef void told_boost(self, int order, int migratetype, int found, bint claimed) noexcept

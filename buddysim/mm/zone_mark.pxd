cimport cython

from buddysim.mm.zone cimport Zone

cdef int _NR_ORDERS, _PER_CPU


@cython.final
cdef class ZoneMark:
    cdef public Zone zone
    cdef public long long[::1] nr_free
    cdef public int[::1] per_cpu
    cdef public long long journal_used, free, free_cma, free_highatomic, boost
    cdef public long long nr_reserved_highatomic, extfrag_count, drain_count, pgalloc, pgfree
    cdef public int cpu, mode
    cdef public bint boosted_flag, reclaim_active, below_high

    @cython.locals(zone=Zone, order=cython.int)
    cpdef object save(self)
    @cython.locals(zone=Zone, order=cython.int)
    cpdef object restore(self)
    @cython.locals(zone=Zone, kept=cython.int[::1], at=cython.int, cpu=cython.int)
    cpdef object copy_cpus(self, bint saving)

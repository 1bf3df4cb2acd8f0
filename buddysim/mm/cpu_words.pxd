cimport cython

cimport buddysim.mm.bare as bare
from buddysim.mm.page_arrays cimport PageArrays


cdef class CpuWords(PageArrays):
    cdef public int[::1] per_cpu
    cdef bare.CpuLine *words
    cdef public int[:] free_diff
    cdef public int[:] cma_diff
    cdef public int[:] pcp_count
    cdef public int[:] pcp_batch
    cdef public int[:] pcp_high
    cdef public int[:] pcp_high_min
    cdef public int[:] pcp_high_max
    cdef public int[:] pcp_alloc_factor
    cdef public int[:] pcp_free_count
    cdef public int[:] pcp_flags

    @cython.locals(pages=cython.long, cpu=cython.int)
    cpdef long drift(self) noexcept
    @cython.locals(pages=cython.long, cpu=cython.int)
    cpdef long pcp_pages(self) noexcept
    @cython.locals(high=cython.int)
    cdef int clamp_high(self, int cpu) noexcept

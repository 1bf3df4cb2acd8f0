cimport cython

cdef int _ALLOC, _KMALLOC, _KMEM_CACHE_ALLOC, _NONE
cdef unsigned int _SLAB_MASK


@cython.locals(
    kinds=cython.uchar[::1],
    cpus=cython.ushort[::1],
    pfns=cython.longlong[::1],
    gfps=cython.uint[::1],
    stacks=cython.uint[::1],
    tasks=cython.uint[::1],
    callers=cython.uint[::1],
    row=cython.int,
    kind=cython.int,
    cpu=cython.int,
    page=cython.int,
    retry=cython.bint,
)
cpdef object _name(object batch, int[::1] latest, int[::1] before)

# C twins of bare.py: the same names, as constants and addresses.

cdef enum:
    MAX_ORDER = 10
    NR_TYPES = 6
    PCPTYPES = 3
    HIGHATOMIC = 3
    CMA = 4
    ISOLATE = 5
    NOT_HEAD = -1
    PCP_HEAD = -2
    PCP_LISTS = 14
    PCP_DYNAMIC = 2
    PREV_FREE_HIGH_ORDER = 1
    SCALE_MAX = 5
    COUNT = 0
    HIGH = 1
    HIGH_MIN = 2
    HIGH_MAX = 3
    BATCH = 4
    FREE_COUNT = 5
    ALLOC_FACTOR = 6
    FLAGS = 7
    FREE_DIFF = 8
    CMA_DIFF = 9
    CPU_WORDS = 16


ctypedef int CpuLine[16]


cdef inline CpuLine *lines(int[::1] view) noexcept:
    return <CpuLine *>&view[0]


cdef inline int *ints(int[::1] view) noexcept:
    return &view[0]


cdef inline signed char *chars(signed char[::1] view) noexcept:
    return &view[0]

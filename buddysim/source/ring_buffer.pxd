cimport cython

cimport buddysim.source.bytescan as bytescan
from buddysim.source.perf_samples cimport SampleScanner

cdef int _PADDING, _TIME_EXTEND, _TIME_STAMP, _HEAD_BYTES, _LEVELS, _FRAMES_MAX
cdef int _SOFTIRQ, _HARDIRQ, _NMI
cdef unsigned int _USED_MASK, _LOST_STORED, _LOST
cdef unsigned long long _HIGH_BITS, _ALL_BITS
cdef long long _NEVER


cdef int _level(int flags) noexcept

cdef int _highest(int levels) noexcept


@cython.final
cdef class RingBuffer:
    cdef SampleScanner scanner
    cdef int cpu, commit_bytes, stack_type, is_counted, user_stack_type
    cdef Py_ssize_t page_bytes, data_offset, frames_at
    cdef unsigned long long multiplier, offset, least, greatest
    cdef int shift
    cdef public unsigned long long begins
    cdef Py_ssize_t at, end
    cdef unsigned long long time
    cdef public object lost
    cdef public long long damaged
    cdef int held, early
    cdef long long held_time[4]
    cdef Py_ssize_t held_raw[4]
    cdef Py_ssize_t held_end[4]
    cdef list held_block

    cpdef Py_ssize_t enter(self, bytes block) except? -2

    @cython.locals(size=Py_ssize_t)
    cpdef Py_ssize_t read(self, bytes block, Py_ssize_t pos, unsigned long long until) except? -2

    @cython.locals(level=int)
    cpdef int release(self) except -1

    @cython.locals(level=int, oldest="long long")
    cpdef long long oldest_held(self) noexcept

    @cython.locals(
        data="const unsigned char *", size=Py_ssize_t, limit=Py_ssize_t, begin=Py_ssize_t,
        end=Py_ssize_t, commit="unsigned int",
    )
    cdef Py_ssize_t _enter(self, bytes block, Py_ssize_t pos) except? -2

    cdef int _count_lost(self, bytes block, unsigned int commit, Py_ssize_t limit) except -1

    @cython.locals(level=int)
    cdef int _keep(self, bytes block) except -1

    @cython.locals(
        data="const unsigned char *", at=Py_ssize_t, end=Py_ssize_t, raw=Py_ssize_t, kind=int,
        time="unsigned long long", word="unsigned int", number="unsigned long long",
    )
    cdef int _walk(self, bytes block, bint settling) except -1

    cdef Py_ssize_t _damage(self) noexcept

    @cython.locals(data="const unsigned char *", number=int, level=int)
    cdef int _entry(
        self, bytes block, Py_ssize_t raw, Py_ssize_t end, unsigned long long time
    ) except -1

    @cython.locals(high="unsigned long long", low="unsigned long long", both="unsigned long long")
    cdef unsigned long long _scaled(self, unsigned long long time) noexcept

    @cython.locals(source=bytes, mine="unsigned int")
    cdef int _is_of(self, bytes block, int level, Py_ssize_t raw) except -1

    @cython.locals(source=bytes, raw=Py_ssize_t, scanner=SampleScanner)
    cdef int _emit(self, bytes block, int level) except -1

    @cython.locals(
        data="const unsigned char *", start=Py_ssize_t, stop=Py_ssize_t, frames="long long",
        counted="long long", scanner=SampleScanner,
    )
    cdef int _attach(self, bytes block, Py_ssize_t raw, Py_ssize_t end) except -1

cimport cython

cimport buddysim.source.bytescan as bytescan
from buddysim.source.scanner cimport PieceTable

cdef int _PAGE, _SLAB, _RARE, _SAMPLE, _FINISHED_ROUND, _HEAD_BYTES
cdef Py_ssize_t _AHEAD
cdef int _READ_ID, _READ_GROUP, _READ_LOST
cdef long long _LARGEST_PFN, _VMEMMAP, _USER_MARKER


@cython.final
cdef class SampleScanner:
    cdef public object decoder
    cdef int tid_at, time_at, cpu_at, read_format
    cdef public int fixed_end
    cdef bint has_chain, cpus_break_ties
    cdef public Py_ssize_t count, capacity, enough, sorted
    cdef public bint shuffled
    cdef public long long skipped
    cdef public dict columns
    cdef public long long newest, round_newest, settled
    cdef public object order_of_time
    cdef unsigned int[::1] row_order, row_scratch
    cdef PieceTable events, tails, sites, stacks, threads
    cdef unsigned char[::1] event_kind, event_shape, event_context, event_fails, event_pointer
    cdef long long[::1] event_name
    cdef int[::1] event_type, event_number, event_tail, event_end
    cdef signed char[::1] tail_order, tail_type
    cdef unsigned int[::1] tail_gfp
    cdef long long[::1] tail_aux
    cdef unsigned int[::1] site_caller, stack_index, stack_caller, thread_number
    cdef unsigned char[::1] kind, context
    cdef unsigned short[::1] cpu, ranks
    cdef signed char[::1] order, migratetype
    cdef unsigned int[::1] gfp, caller, task, stack
    cdef long long[::1] time_ns, pfn, aux
    cdef object block
    cdef const unsigned char *data
    cdef Py_ssize_t last_raw, last_tid, last_chain, last_size
    cdef int last_event
    cdef unsigned int last_thread, last_stack, last_caller

    cpdef void grow(self) except *

    cpdef void sort(self) except *

    @cython.locals(row=Py_ssize_t)
    cpdef void keep(self, Py_ssize_t rest) except *

    cpdef void finish_round(self) except *

    @cython.locals(known=Py_ssize_t, row=Py_ssize_t, number="unsigned int")
    cpdef Py_ssize_t name_rows(
        self,
        const long long[::1] tasks,
        const long long[::1] callers,
        Py_ssize_t place,
        Py_ssize_t stop,
    ) except -1

    cdef int use(self, object block) except -1

    @cython.locals(
        data="const unsigned char *", end=Py_ssize_t, size=int, kind="unsigned int",
    )
    cpdef Py_ssize_t scan(self, object block, Py_ssize_t pos) except? -1

    @cython.locals(
        data="const unsigned char *", at=Py_ssize_t, chain=Py_ssize_t, frames="long long",
        raw=Py_ssize_t, raw_end=Py_ssize_t, time_ns="long long", cpu=int,
    )
    cdef int _sample(self, Py_ssize_t pos, Py_ssize_t stop) except -1

    @cython.locals(number=int)
    cdef int _remember(
        self, PieceTable pieces, Py_ssize_t pos, Py_ssize_t end, object values
    ) except? -1

    @cython.locals(data="const unsigned char *", event=int, events=PieceTable)
    cdef int _event(self, Py_ssize_t raw) except -1

    @cython.locals(row=Py_ssize_t, event=int)
    cdef int add(
        self, Py_ssize_t raw, Py_ssize_t raw_end, Py_ssize_t tid_at, long long time_ns, int cpu
    ) except -1

    @cython.locals(
        data="const unsigned char *", row=Py_ssize_t, shape=int, caller="unsigned int",
        number="long long", tail=int,
    )
    cdef int _fields(self, Py_ssize_t raw, Py_ssize_t raw_end, int event) except -1

    @cython.locals(data="const unsigned char *", values=int, each=int, times=int)
    cdef Py_ssize_t _behind_values(self, Py_ssize_t at, Py_ssize_t stop) noexcept

    @cython.locals(
        data="const unsigned char *", tails=PieceTable, pos=Py_ssize_t, end=Py_ssize_t, salt=int,
        tail=int,
    )
    cdef int _tail(self, Py_ssize_t raw, Py_ssize_t raw_end, int event) except? -2

    @cython.locals(data="const unsigned char *", threads=PieceTable, thread=int)
    cdef unsigned int _thread(self, Py_ssize_t at) except? 0xFFFFFFFF

    @cython.locals(data="const unsigned char *", sites=PieceTable, site=int)
    cdef unsigned int _site(self, Py_ssize_t at) except? 0xFFFFFFFF

    @cython.locals(data="const unsigned char *", row=Py_ssize_t, size=Py_ssize_t)
    cdef int attach(self, Py_ssize_t pos, Py_ssize_t end) except -1

    @cython.locals(data="const unsigned char *", stacks=PieceTable, stack=int)
    cdef int _other_chain(self, Py_ssize_t pos, Py_ssize_t end) except -1

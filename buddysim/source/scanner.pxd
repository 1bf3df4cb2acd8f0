cimport cython

cimport buddysim.source.bytescan as bytescan
cimport buddysim.source.seams as seams

cdef int _PAGE, _SLAB, _STACK, _RARE, _IGNORED, _NONE, _PLACE_MASK, _BAD, _LOST
cdef int _FIRST_SLAB, _LAST_SLAB
cdef Py_ssize_t _CAPACITY, _LONGEST_CHAIN
cdef long long _LARGEST_PFN
cdef bytes _PFN, _PTR


cdef class PieceTable:
    cdef public dict index
    cdef unsigned long long[::1] slots
    cdef public Py_ssize_t count, pieces
    cdef public list columns

    cpdef int append(self, object values) except? -1

    cpdef int add(self, bytes block, Py_ssize_t pos, Py_ssize_t end, object values) except? -1


@cython.final
cdef class Scanner:
    cdef public object decoder
    cdef public bint chain_follows
    cdef public long long lines, skipped, last_time, chains
    cdef public Py_ssize_t count, first, chain_row
    cdef int[::1] last_row
    cdef long long found[9]
    cdef int last_head
    cdef long long base
    cdef public dict columns
    cdef PieceTable heads, events, tails, sites, stacks
    cdef unsigned int[::1] head_task, head_caller
    cdef unsigned short[::1] head_cpu
    cdef unsigned char[::1] head_context
    cdef int[::1] head_place
    cdef unsigned char[::1] event_kind, event_shape, event_fails
    cdef long long[::1] event_name, event_tail_at, event_tail_length
    cdef int[::1] event_tail
    cdef signed char[::1] tail_order, tail_type
    cdef unsigned int[::1] tail_gfp
    cdef long long[::1] tail_aux
    cdef unsigned int[::1] site_caller, stack_index, stack_caller
    cdef unsigned char[::1] kind, context
    cdef unsigned short[::1] cpu
    cdef signed char[::1] order, migratetype
    cdef unsigned int[::1] gfp, caller, task, stack, line
    cdef long long[::1] time_ns, pfn, aux

    cpdef bint full(self)

    @cython.locals(
        data="const unsigned char *", end=Py_ssize_t, eol=Py_ssize_t, stop=Py_ssize_t, first=int,
        frames=bint, usual=Py_ssize_t,
    )
    cpdef Py_ssize_t scan(self, bytes block, Py_ssize_t pos, bint final) except? -1

    cdef Py_ssize_t _usual(self, bytes block, Py_ssize_t pos) except -1

    @cython.locals(
        data="const unsigned char *", found="long long *", colon=Py_ssize_t, heads=PieceTable,
        events=PieceTable, head=int, event=int, start=Py_ssize_t, stop=Py_ssize_t,
    )
    cdef Py_ssize_t _known(self, bytes block, Py_ssize_t pos) except -1

    @cython.locals(
        data="const unsigned char *", found="long long *", tail=int, earlier="long long",
        stop=Py_ssize_t, end=Py_ssize_t, pos=Py_ssize_t, number="long long", tails=PieceTable,
    )
    cdef Py_ssize_t _known_page(self, bytes block, int head, int event) except -1

    @cython.locals(row=Py_ssize_t)
    cdef Py_ssize_t _store_page(self, int head, int event, int tail, long long number) noexcept

    cdef bint _may_go_on(self, bytes block, Py_ssize_t pos, Py_ssize_t stop) noexcept

    @cython.locals(
        data="const unsigned char *", start=Py_ssize_t, colon=Py_ssize_t, at=Py_ssize_t,
        time_ns="long long", head=int, event=int, shape=int, heads=PieceTable, events=PieceTable,
    )
    cdef int _event(self, bytes block, Py_ssize_t pos, Py_ssize_t eol) except -1

    @cython.locals(
        data="const unsigned char *", start=Py_ssize_t, stop=Py_ssize_t, page=bint,
        number="long long", caller="unsigned int", site="unsigned int", tail=int, row=Py_ssize_t,
        tails=PieceTable,
    )
    cdef int _object(
        self, bytes block, Py_ssize_t at, Py_ssize_t eol, int head, int event
    ) except -1

    @cython.locals(row=Py_ssize_t)
    cdef Py_ssize_t _store(self, int head, int event) noexcept

    cdef int _new_head(self, bytes block, Py_ssize_t pos, Py_ssize_t end) except? -2

    cdef int _new_event(self, bytes block, Py_ssize_t pos, Py_ssize_t end) except? -2

    @cython.locals(tail=int)
    cdef int _new_tail(self, bytes block, Py_ssize_t pos, Py_ssize_t end) except? -2

    @cython.locals(site=int, sites=PieceTable)
    cdef unsigned int _site(self, bytes block, Py_ssize_t pos, Py_ssize_t end) except? 0xFFFFFFFF

    @cython.locals(shape=int, row=Py_ssize_t)
    cdef int _unusual(
        self, bytes block, Py_ssize_t at, Py_ssize_t eol, int head, int event
    ) except -1

    @cython.locals(row=Py_ssize_t)
    cdef void _attach(self, bytes block, Py_ssize_t pos, Py_ssize_t end) except *

    @cython.locals(stack=int, kind=int, caller="unsigned int", stacks=PieceTable)
    cdef void _chain(
        self, bytes block, Py_ssize_t pos, Py_ssize_t end, Py_ssize_t row
    ) except *

    cdef void _odd(self, bytes block, Py_ssize_t pos, Py_ssize_t eol) except *

    @cython.locals(row=Py_ssize_t)
    cdef void _store_lost(self, long long lost, int cpu) except *

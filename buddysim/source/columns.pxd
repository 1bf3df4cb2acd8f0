cimport cython

ctypedef fused Narrow:
    const unsigned char
    const unsigned short
    const unsigned int

ctypedef fused Stored:
    const unsigned char
    const unsigned short
    const unsigned int
    const signed char
    const short
    const int
    const long long

ctypedef fused Column:
    unsigned char
    unsigned short
    signed char
    unsigned int
    int
    long long


@cython.locals(size=Py_ssize_t, row=Py_ssize_t, number="unsigned int")
cpdef bint gather(const long long[::1] palette, Narrow[::1] index, Column[::1] out)


@cython.locals(row=Py_ssize_t)
cpdef bint widen(Stored[::1] stored, long long[::1] out)


@cython.locals(value="long long", step="long long", used=Py_ssize_t, exceptions=Py_ssize_t,
               row=Py_ssize_t)
cpdef bint undelta(
    long long base,
    long long scale,
    long long escape,
    Narrow[::1] stored,
    const long long[::1] odd,
    Column[::1] out,
)


@cython.locals(size=Py_ssize_t, row=Py_ssize_t, number="unsigned int")
cpdef bint permute(Column[::1] column, unsigned int[::1] order, Column[::1] out)


@cython.locals(row=Py_ssize_t, number="long long")
cpdef bint is_uniform(Column[::1] column, Py_ssize_t start, Py_ssize_t stop)

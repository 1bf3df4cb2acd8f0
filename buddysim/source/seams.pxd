# The C twin of seams.py, inlined into the compiled scanner: eight bytes at a time in place of a
# regular expression.  Only for little-endian machines; on others every line goes the general way.

from libc.string cimport memcpy

from buddysim.source.bytescan cimport find_byte, find_separator

ctypedef unsigned long long u64

cdef extern from *:
    int leading_zeros "__builtin_clzll"(u64) nogil
    int trailing_zeros "__builtin_ctzll"(u64) nogil

cdef enum:
    INTERPRETED = 0
    TIME = 0
    EVENT = 1
    TEXT = 2
    NUMBER_END = 3
    TIME_NS = 4
    NUMBER = 5
    LAST = 6
    LAST_HEAD = 7
    LAST_TIME = 8
    SEAMS = 9


cdef inline bint is_little_endian() noexcept nogil:
    cdef int one = 1
    return (<const unsigned char *>&one)[0] == 1


cdef inline u64 word_at(const unsigned char *at) noexcept nogil:
    cdef u64 word
    memcpy(&word, at, 8)
    return word


cdef inline u64 bytes_equal(u64 word, u64 pattern) noexcept nogil:
    # The top bit of each byte that is the pattern's; exact, no borrow between bytes.
    cdef u64 odd = word ^ pattern
    return ~(((odd & 0x7F7F7F7F7F7F7F7FULL) + 0x7F7F7F7F7F7F7F7FULL) | odd | 0x7F7F7F7F7F7F7F7FULL)


cdef inline bint all_decimal(u64 word) noexcept nogil:
    return (
        (word & 0xF0F0F0F0F0F0F0F0ULL)
        | ((word + 0x0606060606060606ULL) & 0xF0F0F0F0F0F0F0F0ULL) >> 4
    ) == 0x3333333333333333ULL


cdef inline u64 decimal_value(u64 word) noexcept nogil:
    # Eight digits, the first in the lowest byte.
    word &= 0x0F0F0F0F0F0F0F0FULL
    word = word * 10 + (word >> 8)
    return (
        (word & 0x000000FF000000FFULL) * 0x000F424000000064ULL
        + (word >> 16 & 0x000000FF000000FFULL) * 0x0000271000000001ULL
    ) >> 32


cdef inline u64 hex_value(u64 word) noexcept nogil:
    # Eight digits 0-9a-f, the first in the lowest byte; more than 32 bits for anything else.
    cdef u64 letters = word >> 6 & 0x0101010101010101ULL
    word -= letters * 0x27
    if word & 0xF0F0F0F0F0F0F0F0ULL != 0x3030303030303030ULL:
        return <u64>-1
    if (word + 0x0606060606060606ULL) >> 6 & 0x0101010101010101ULL != letters:
        return <u64>-1
    word &= 0x0F0F0F0F0F0F0F0FULL
    word = (word << 4 | word >> 8) & 0x00FF00FF00FF00FFULL
    word = (word << 8 | word >> 16) & 0x0000FFFF0000FFFFULL
    return (word << 16 | word >> 32) & 0xFFFFFFFFULL


cdef inline u64 zero_filled(u64 word, int missing) noexcept nogil:
    # 1 to 7 missing digits are zeros in front, that is in the lowest bytes.
    cdef u64 low = (<u64>1 << 8 * missing) - 1
    return word & ~low | 0x3030303030303030ULL & low


cdef inline int time_before(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t colon, long long *seams
) noexcept nogil:
    # " 1800.509956" up to the colon, one to seven digits and six.
    cdef u64 fraction, seconds, blanks
    cdef int missing
    if colon - 15 < pos:
        return 0
    fraction = word_at(data + colon - 7)
    seconds = word_at(data + colon - 15)
    blanks = bytes_equal(seconds, 0x2020202020202020ULL)
    if fraction & 0xFF != 46 or blanks == 0:
        return 0
    missing = 8 - (leading_zeros(blanks) >> 3)
    if missing == 8:
        return 0
    seconds = zero_filled(seconds, missing)
    fraction = fraction >> 8 << 16 | 0x3030
    if not all_decimal(seconds) or not all_decimal(fraction):
        return 0
    seams[TIME] = colon - 15 + missing
    seams[TIME_NS] = (
        <long long>decimal_value(seconds) * 1000000000LL + <long long>decimal_value(fraction) * 1000
    )
    return 1


cdef inline int number_at(
    const unsigned char *data, Py_ssize_t pos, long long *seams
) noexcept nogil:
    # Up to eight digits and a blank: hexadecimal behind 0x, else decimal.
    cdef bint decimal = data[pos + 1] != 120 or data[pos] != 48
    cdef u64 word, blanks
    cdef int missing
    if not decimal:
        pos += 2
    word = word_at(data + pos)
    blanks = bytes_equal(word, 0x2020202020202020ULL)
    if blanks == 0:
        if data[pos + 8] != 32:
            return 0
        missing = 0
    else:
        missing = 8 - (trailing_zeros(blanks) >> 3)
        if missing == 8:
            return 0
        word = zero_filled(word << 8 * missing, missing)
    seams[NUMBER_END] = pos + 8 - missing
    if decimal:
        seams[NUMBER] = <long long>decimal_value(word)
        return all_decimal(word)
    seams[NUMBER] = <long long>hex_value(word)
    return seams[NUMBER] >= 0


cdef inline bint same_bytes(
    const unsigned char *one, const unsigned char *two, Py_ssize_t length
) noexcept nogil:
    # At least eight; the last word overlaps the one before.
    cdef Py_ssize_t last = length - 8, at = 0
    while at < last:
        if word_at(one + at) != word_at(two + at):
            return False
        at += 8
    return word_at(one + last) == word_at(two + last)


cdef inline bint is_repeated(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end, Py_ssize_t earlier, Py_ssize_t length
) noexcept nogil:
    return length >= 8 and pos + length < end and same_bytes(data + pos, data + earlier, length)


cdef inline Py_ssize_t first_equals(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    # Of this line: -1 when it has none.
    cdef u64 hits, word
    while pos < end:
        word = word_at(data + pos)
        hits = bytes_equal(word, 0x3D3D3D3D3D3D3D3DULL)
        word = bytes_equal(word, 0x0A0A0A0A0A0A0A0AULL)
        if hits:
            return -1 if (hits - 1 & ~hits & word) != 0 else pos + (trailing_zeros(hits) >> 3)
        if word:
            return -1
        pos += 8
    return -1


cdef inline Py_ssize_t end_of_time(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end, long long *seams
) noexcept nogil:
    # The first separator of the line: where it was in the last line, if the head is the same.
    cdef Py_ssize_t colon, last = seams[LAST]
    if last >= 0 and is_repeated(data, pos, end, last, seams[LAST_HEAD] - last):
        colon = pos + seams[LAST_TIME] - last
        if colon < end and data[colon] == 58 and data[colon + 1] == 32:
            if time_before(data, pos, colon, seams) and seams[TIME] - pos == seams[LAST_HEAD] - last:
                return colon
    seams[LAST] = -1
    colon = find_separator(data, pos, end)
    return colon if colon >= 0 and time_before(data, pos, colon, seams) else -1


cdef inline Py_ssize_t find_seams(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end, long long *seams
) noexcept nogil:
    cdef Py_ssize_t colon, at
    end -= 16  # no word reaches beyond the block
    if not is_little_endian():
        return 0
    colon = end_of_time(data, pos, end, seams)
    if colon < 0:
        return 0
    at = colon + 2
    seams[EVENT] = at
    if data[at] == 60:
        # "<stack trace>" and the line's end.
        if word_at(data + at) != 0x74206B636174733CULL:
            return 0
        if word_at(data + at + 6) != 0x0A3E656361727420ULL:
            return 0
        seams[TEXT] = seams[NUMBER_END] = at + 13
        return colon
    at = find_separator(data, at, end)
    if at < 0:
        return 0
    at += 2
    while data[at] == 32 and at < end:
        at += 1
    seams[TEXT] = at
    if at >= end or word_at(data + at) & 0xFFFFFFFFFFULL != 0x3D65676170ULL:  # "page="
        return 0
    at = first_equals(data, at + 5, end)
    if at < 0 or word_at(data + at - 3) & 0xFFFFFFULL != 0x6E6670ULL:  # "pfn"
        return 0
    return colon if at < end - 12 and number_at(data, at + 1, seams) else 0

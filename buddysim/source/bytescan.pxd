# C twins of bytescan.py, inlined into the compiled scanner.  Same names, same results.

from libc.string cimport memchr, memcmp, memcpy

ctypedef unsigned long long u64

cdef extern from *:
    """
    #ifdef __GNUC__
    #define BUDDYSIM_PREFETCH(address) __builtin_prefetch(address)
    #else
    #define BUDDYSIM_PREFETCH(address) ((void)(address))
    #endif
    """
    void BUDDYSIM_PREFETCH(const unsigned char *address) nogil


cdef inline const unsigned char *start_of(const unsigned char[::1] view) noexcept:
    return &view[0]


cdef inline const unsigned char *first_byte(object block) except? NULL:
    if isinstance(block, bytes):
        return <const unsigned char *><char *><bytes>block
    return start_of(block)


cdef inline void prefetch(const unsigned char *data, Py_ssize_t pos, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t end = pos + size
    while pos < end:
        BUDDYSIM_PREFETCH(data + pos)
        pos += 64


cdef inline Py_ssize_t find_byte(
    const unsigned char *data, int byte, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    if pos >= end:
        return -1
    cdef const unsigned char *hit = <const unsigned char *>memchr(data + pos, byte, end - pos)
    return -1 if hit is NULL else hit - data


cdef inline Py_ssize_t find_separator(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    while True:
        pos = find_byte(data, 58, pos, end - 1)
        if pos < 0 or data[pos + 1] == 32:
            return pos
        pos += 1


cdef inline Py_ssize_t word_start(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    while end > pos and data[end - 1] != 32:
        end -= 1
    return end


cdef inline Py_ssize_t skip_blanks(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    while pos < end and data[pos] == 32:
        pos += 1
    return pos


cdef inline Py_ssize_t find_key(
    const unsigned char *data, const unsigned char *key, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t at = pos + 2
    while True:
        at = find_byte(data, 61, at + 1, end)
        if at < 0:
            return -1
        if data[at - 1] == key[2] and data[at - 2] == key[1] and data[at - 3] == key[0]:
            return at + 1


cdef inline Py_ssize_t frames_end(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t at, eol
    while pos < end:
        if data[pos] != 9:
            at = pos + 1 if data[pos] == 32 else pos
            if at + 1 >= end or data[at] != 61 or data[at + 1] != 62:
                return pos
        eol = find_byte(data, 10, pos, end)
        if eol < 0:
            return pos
        pos = eol + 1
    return pos


cdef inline Py_ssize_t count_lines(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t lines = 0
    while True:
        pos = find_byte(data, 10, pos, end)
        if pos < 0:
            return lines
        lines += 1
        pos += 1


cdef inline long long parse_number(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end, int base
) noexcept nogil:
    cdef u64 value = 0
    cdef int digit
    if end - pos == 2 and data[pos] == 45 and data[pos + 1] == 49:
        return -1
    if end - pos >= 2 and data[pos] == 48 and data[pos + 1] == 120:
        pos += 2
        base = 16
    if end <= pos or end - pos > (16 if base == 16 else 19):
        return -2
    while pos < end:
        digit = data[pos]
        if 48 <= digit <= 57:
            digit -= 48
        elif base == 16 and 97 <= (digit | 32) <= 102:
            digit = (digit | 32) - 87
        else:
            return -2
        value = (value << 4) + digit if base == 16 else value * 10 + digit
        pos += 1
    return <long long>value


cdef inline long long parse_time(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    cdef long long seconds = 0, fraction = 0
    cdef Py_ssize_t start = pos, dot
    while pos < end and 48 <= data[pos] <= 57:
        if pos - start >= 18:
            return -2
        seconds = seconds * 10 + (data[pos] - 48)
        pos += 1
    if pos == start:
        return -2
    if pos == end:
        return seconds
    if data[pos] != 46 or seconds >= 9000000000LL:
        return -2
    dot = pos
    pos += 1
    while pos < end and 48 <= data[pos] <= 57 and pos - dot <= 9:
        fraction = fraction * 10 + (data[pos] - 48)
        pos += 1
    if pos != end or pos == dot + 1:
        return -2
    while pos - dot <= 9:
        fraction *= 10
        pos += 1
    return seconds * 1000000000LL + fraction


cdef inline int read_u16(const unsigned char *data, Py_ssize_t pos) noexcept nogil:
    return data[pos] | data[pos + 1] << 8


cdef inline unsigned int read_u32(const unsigned char *data, Py_ssize_t pos) noexcept nogil:
    cdef unsigned int value
    memcpy(&value, data + pos, 4)
    return value


cdef inline long long read_i64(const unsigned char *data, Py_ssize_t pos) noexcept nogil:
    cdef long long value
    memcpy(&value, data + pos, 8)
    return value


cdef inline u64 hash_piece(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    # Two independent lanes of multiply-and-rotate over eight bytes each; never 0 (an empty slot).
    cdef u64 odd = 0x9E3779B97F4A7C15ULL ^ <u64>(end - pos)
    cdef u64 even = 0xC2B2AE3D27D4EB4FULL
    cdef u64 word
    cdef Py_ssize_t start = pos
    while end - pos >= 16:
        memcpy(&word, data + pos, 8)
        odd = (odd ^ word) * 0x9FB21C651E98DF25ULL
        odd ^= odd >> 32
        memcpy(&word, data + pos + 8, 8)
        even = (even ^ word) * 0xD6E8FEB86659FD93ULL
        even ^= even >> 32
        pos += 16
    if end - pos > 8:
        memcpy(&word, data + pos, 8)
        odd = (odd ^ word) * 0x9FB21C651E98DF25ULL
        odd ^= odd >> 32
    if end - start >= 8:
        # The last eight bytes, some of them for the second time: no loop over single ones.
        memcpy(&word, data + end - 8, 8)
    elif end - start >= 4:
        word = <u64>read_u32(data, start) << 32 | read_u32(data, end - 4)
    else:
        word = 0
        while pos < end:
            word = word << 8 | data[pos]
            pos += 1
    even = (even ^ word) * 0xD6E8FEB86659FD93ULL
    odd ^= (even ^ even >> 29) * 0x9FB21C651E98DF25ULL
    odd ^= odd >> 32
    return odd | 1


cdef inline int find_hash(u64[::1] slots, u64 mark) noexcept:
    cdef Py_ssize_t mask = slots.shape[0] - 1
    cdef Py_ssize_t slot = (mark >> 20) & mask & ~1
    while slots[slot] != mark:
        if slots[slot] == 0:
            return -1
        slot = (slot + 2) & mask
    return <int>slots[slot + 1]


cdef inline void remember_hash(u64[::1] slots, u64 mark, int number) noexcept:
    cdef Py_ssize_t mask = slots.shape[0] - 1
    cdef Py_ssize_t slot = (mark >> 20) & mask & ~1
    while slots[slot] != 0 and slots[slot] != mark:
        slot = (slot + 2) & mask
    slots[slot] = mark
    slots[slot + 1] = number


cdef inline int find_piece(
    object index, u64[::1] slots, const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept:
    return find_hash(slots, hash_piece(data, pos, end))


cdef inline void remember_piece(
    object index,
    u64[::1] slots,
    const unsigned char *data,
    Py_ssize_t pos,
    Py_ssize_t end,
    int number,
) noexcept:
    remember_hash(slots, hash_piece(data, pos, end), number)


cdef inline u64 salted(int salt, u64 mark) noexcept nogil:
    return ((mark ^ <u64>salt) * 0x9FB21C651E98DF25ULL) | 1


cdef inline int find_field(
    object index,
    u64[::1] slots,
    int salt,
    const unsigned char *data,
    Py_ssize_t pos,
    Py_ssize_t end,
) noexcept:
    return find_hash(slots, salted(salt << 8, hash_piece(data, pos, end)))


cdef inline void remember_field(
    object index,
    u64[::1] slots,
    int salt,
    const unsigned char *data,
    Py_ssize_t pos,
    Py_ssize_t end,
    int number,
) noexcept:
    remember_hash(slots, salted(salt << 8, hash_piece(data, pos, end)), number)


cdef inline u64 read_u64(const unsigned char *data, Py_ssize_t pos) noexcept nogil:
    cdef u64 value
    memcpy(&value, data + pos, 8)
    return value


cdef inline Py_ssize_t filler_at(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    while pos < end and read_u64(data, pos) + 1 > 1:
        pos += 8
    return pos


cdef inline Py_ssize_t user_frames(
    const unsigned char *data, Py_ssize_t pos, Py_ssize_t end
) noexcept nogil:
    while pos + 8 <= end:
        if read_i64(data, pos) == -512:
            return pos
        pos += 8
    return end


cdef inline bint is_before(
    long long[::1] times, unsigned short[::1] ranks, unsigned int one, unsigned int two
) noexcept:
    if times[one] != times[two]:
        return times[one] < times[two]
    return ranks is not None and ranks[one] < ranks[two]


cdef inline Py_ssize_t run_end(
    long long[::1] times, unsigned short[::1] ranks, unsigned int *rows, Py_ssize_t start,
    Py_ssize_t count,
) noexcept:
    start += 1
    while start < count and not is_before(times, ranks, rows[start], rows[start - 1]):
        start += 1
    return start


cdef inline Py_ssize_t merge_runs(
    long long[::1] times, unsigned short[::1] ranks, unsigned int *source, unsigned int *target,
    Py_ssize_t count,
) noexcept:
    # One pass: every two neighbouring runs become one.  Returns the runs found.
    cdef Py_ssize_t runs = 0, at = 0, start = 0, one, two, middle, end
    while start < count:
        middle = run_end(times, ranks, source, start, count)
        end = run_end(times, ranks, source, middle, count) if middle < count else middle
        runs += 2 if middle < count else 1
        one = start
        two = middle
        while one < middle and two < end:
            if is_before(times, ranks, source[two], source[one]):
                target[at] = source[two]
                two += 1
            else:
                target[at] = source[one]
                one += 1
            at += 1
        while one < middle:
            target[at] = source[one]
            one += 1
            at += 1
        while two < end:
            target[at] = source[two]
            two += 1
            at += 1
        start = end
    return runs


cdef inline bint sort_rows(
    long long[::1] times, unsigned short[::1] ranks, Py_ssize_t done, Py_ssize_t count,
    unsigned int[::1] order, unsigned int[::1] scratch,
) noexcept:
    cdef Py_ssize_t row, start = done, left, right, at
    cdef unsigned int *one = &order[0] + done
    cdef unsigned int *two = &scratch[0] + done
    cdef unsigned int *whole = &order[0]
    cdef unsigned int *spare = &scratch[0]
    cdef bint moved = False
    for row in range(done, count):
        whole[row] = <unsigned int>row
    if count == done:
        return False
    if run_end(times, ranks, one, 0, count - done) != count - done:
        moved = True
        while merge_runs(times, ranks, one, two, count - done) > 2:
            one, two = two, one
        if two != whole + done:
            memcpy(whole + done, two, (count - done) * sizeof(unsigned int))
    while start > 0 and is_before(times, ranks, whole[done], whole[start - 1]):
        start -= 1
    if start == done:
        return moved
    memcpy(spare + start, whole + start, (done - start) * sizeof(unsigned int))
    left, right, at = start, done, start
    while left < done:
        if right < count and is_before(times, ranks, whole[right], spare[left]):
            whole[at] = whole[right]
            right += 1
        else:
            whole[at] = spare[left]
            left += 1
        at += 1
    return True


cdef inline bint same_bytes(
    const unsigned char *data, Py_ssize_t one, Py_ssize_t two, Py_ssize_t size
) noexcept nogil:
    return memcmp(data + one, data + two, size) == 0

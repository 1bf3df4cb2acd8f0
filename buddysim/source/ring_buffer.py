"""Pages of the kernel's trace ring buffer, as they come out of ``trace_pipe_raw``, into rows.

A page begins with the time of its first entry and the number of bytes in use, whose upper bits
tell of lost events.  An entry's first 32 bits are its type or length (5 bits) and the time since
the entry before (27 bits); the rest is the raw record that the event's format describes.  The
call chain of an event is an entry of its own, the next one of the same interrupt level.  Hot and
compiled: see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.source import bytescan
from buddysim.source.perf_samples import SampleScanner
from buddysim.source.ring_layout import LATEST_NS, EntryLayout, PageLayout, TraceClock

__all__ = ["RingBuffer"]

_PADDING, _TIME_EXTEND, _TIME_STAMP = 29, 30, 31
_USED_MASK = (1 << 20) - 1
_LOST_STORED, _LOST = 1 << 30, 1 << 31
_HIGH_BITS = 0xF8 << 56
"""Of a time: an absolute time stamp leaves them out."""
_ALL_BITS = (1 << 64) - 1
_NEVER = LATEST_NS + 1
_HEAD_BYTES = 8
_SOFTIRQ, _HARDIRQ, _NMI = 0x10, 0x08, 0x40
_LEVELS = 4
_FRAMES_MAX = 1024


class RingBuffer:
    """The pages of one cpu, read front to back.

    The last event is held back, as its chain may begin the next page; and as an interrupt may come
    between an event and its chain, so is one event of every interrupt level.
    """

    def __init__(
        self,
        scanner: SampleScanner,
        cpu: int,
        pages: PageLayout,
        entries: EntryLayout,
        clock: TraceClock,
    ) -> None:
        """Rows go to ``scanner``."""
        self.scanner = scanner
        self.cpu = cpu & 0xFFFF
        self.page_bytes, self.commit_bytes, self.data_offset = pages
        self.stack_type, self.frames_at, self.is_counted, self.user_stack_type = entries
        self.multiplier, self.shift = clock.multiplier, clock.shift
        self.offset = clock.offset & _ALL_BITS
        self.least, self.greatest = clock.bounds()
        self.begins = 0
        """Time of the page at hand, in units of the trace clock."""
        self.end = 0
        """Offset behind its last entry."""
        self.at = 0
        """How far into it it is read."""
        self.time = 0
        """Of the entry before ``at``."""
        self.lost = 0
        """Events lost, as the pages tell."""
        self.damaged = 0
        """Pages that contradicted themselves: what follows in them is left out."""
        self.held = 0
        """One bit for each level: an event of it is held back."""
        self.early = 0
        """Those that no entry of the page at hand has told about yet."""
        self.held_time = array("q", bytes(8 * _LEVELS))
        self.held_raw = array("q", bytes(8 * _LEVELS))
        self.held_end = array("q", bytes(8 * _LEVELS))
        self.held_block: list[bytes | None] = [None] * _LEVELS
        """Where the record of a held event is; None: in the block at hand."""

    def enter(self, block: bytes) -> int:
        """Go to the first page of a block that holds anything.

        Its offset, or the block's length; -1 when a page's head is damaged.  What earlier pages
        left held is settled, so far as the page tells.
        """
        pos = self._enter(block, 0)
        self._keep(block)
        return pos

    def read(self, block: bytes, pos: int, until: int) -> int:
        """Read the page at hand, at ``pos``, and those after it that begin up to ``until``.

        Answers as :meth:`enter` does, for the page behind them.  O(bytes).
        """
        size = len(block)
        while True:
            self._walk(block, False)
            pos = self._enter(block, pos + self.page_bytes)
            if pos < 0 or pos >= size or self.begins > until:
                break
        self._keep(block)
        return pos

    def release(self) -> None:
        """No more pages: the events still held have no chain.  Oldest level first."""
        for level in range(_LEVELS):
            if self.held >> level & 1:
                self._emit(b"", level)

    def oldest_held(self) -> int:
        """Time in ns of the oldest event held back; more than LATEST_NS for none."""
        oldest = _NEVER
        for level in range(_LEVELS):
            if self.held >> level & 1:
                oldest = min(oldest, self.held_time[level])
        return oldest

    def _enter(self, block: bytes, pos: int) -> int:
        data = block
        size = len(block)
        while pos < size:
            limit = min(pos + self.page_bytes, size)
            begin = pos + self.data_offset
            if begin > limit:
                return -1
            commit = bytescan.read_u32(data, pos + 8)
            end = begin + (commit & _USED_MASK)
            if end > limit:
                return -1
            if end > begin:
                self.begins = bytescan.read_u64(data, pos)
                self.time = self.begins
                self.at = begin
                self.end = end
                if commit & _LOST:
                    self._count_lost(block, commit, limit)
                self.early = self.held
                if self.early:
                    self._walk(block, True)
                break
            pos += self.page_bytes
        return min(pos, size)

    def _count_lost(self, block: bytes, commit: int, limit: int) -> None:
        lost = 1
        if commit & _LOST_STORED and self.end + self.commit_bytes <= limit:
            lost = int.from_bytes(block[self.end : self.end + self.commit_bytes], "little")
        self.lost += lost

    def _keep(self, block: bytes) -> None:
        """Copy the held records out of a block."""
        for level in range(_LEVELS):
            if self.held >> level & 1 and self.held_block[level] is None:
                record = block[self.held_raw[level] : self.held_end[level]]
                self.held_block[level] = record
                self.held_raw[level] = 0
                self.held_end[level] = len(record)

    def _walk(self, block: bytes, settling: bool) -> None:
        """Read on in the page at hand: to its end, or when settling until nothing is early."""
        data = block
        at = self.at
        end = self.end
        time = self.time
        while at + 4 <= end and (self.early or not settling):
            word = bytescan.read_u32(data, at)
            kind = word & 31
            raw = at + 4
            if 1 <= kind < _PADDING:
                at = raw + 4 * kind
            else:
                if kind == _PADDING and word == _PADDING:
                    at = end
                    break
                if at + 8 > end:
                    at = self._damage()
                    break
                number = bytescan.read_u32(data, raw)
                if kind == _TIME_EXTEND:
                    time = (time + (number << 27 | word >> 5)) & _ALL_BITS
                    at += 8
                    continue
                if kind == _TIME_STAMP:
                    time = (time & _HIGH_BITS) | number << 27 | word >> 5
                    at += 8
                    continue
                if number < 4:
                    at = self._damage()
                    break
                at = raw + number
                raw += 4
            time = (time + (word >> 5)) & _ALL_BITS
            if kind == _PADDING:
                continue
            if at > end or raw + _HEAD_BYTES > at or not self._entry(block, raw, at, time):
                at = self._damage()
                break
        self.at = at
        self.time = time

    def _damage(self) -> int:
        self.damaged += 1
        return self.end

    def _entry(self, block: bytes, raw: int, end: int, time: int) -> int:
        """Take the record [raw, end) of clock time ``time``; 0 when that is no possible time."""
        data = block
        number = bytescan.read_u16(data, raw)
        if number == self.user_stack_type:
            return 1
        if self.multiplier != 1 or self.shift:
            time = self._scaled(time)
        if time < self.least or time > self.greatest:
            return 0
        level = _level(data[raw + 2])
        if number == self.stack_type:
            while self.held >> (level + 1):
                self._emit(block, _highest(self.held))
            if self.held >> level and self._is_of(block, level, raw) and self._emit(block, level):
                self._attach(block, raw, end)
            return 1
        while self.held >> level:
            self._emit(block, _highest(self.held))
        self.held |= 1 << level
        self.held_time[level] = (time + self.offset) & _ALL_BITS
        self.held_raw[level] = raw
        self.held_end[level] = end
        self.held_block[level] = None
        return 1

    def _scaled(self, time: int) -> int:
        """``time * multiplier >> shift`` in 64 bits; all of them set when it needs more."""
        high = (time >> 32) * self.multiplier
        low = (time & 0xFFFFFFFF) * self.multiplier
        if self.shift >= 32:
            return (high + (low >> 32)) >> (self.shift - 32)
        low >>= self.shift
        if self.shift + 32 < 64 and high >> (self.shift + 32):
            return _ALL_BITS
        high = (high << (32 - self.shift)) & _ALL_BITS
        both = (high + low) & _ALL_BITS
        return both if both >= low else _ALL_BITS

    def _is_of(self, block: bytes, level: int, raw: int) -> int:
        """1 when the held event of ``level`` is of the same thread as the record ``raw``."""
        source = self.held_block[level] or block
        mine = bytescan.read_u32(source, self.held_raw[level] + 4)
        return int(mine == bytescan.read_u32(block, raw + 4))

    def _emit(self, block: bytes, level: int) -> int:
        """The held event of ``level`` becomes a row; 0 when its record is damaged."""
        source = self.held_block[level] or block
        raw = self.held_raw[level]
        self.held &= ~(1 << level)
        self.early &= ~(1 << level)
        scanner = self.scanner
        if scanner.count == scanner.capacity:
            scanner.grow()
        if scanner.block is not source:
            scanner.use(source)
        if scanner.add(raw, self.held_end[level], raw + 4, self.held_time[level], self.cpu):
            return 1
        scanner.skipped += 1
        return 0

    def _attach(self, block: bytes, raw: int, end: int) -> None:
        """Give the last row the frames of a ``kernel_stack`` record, without what fills it up."""
        data = block
        start = raw + self.frames_at
        frames = (end - start) >> 3
        if self.is_counted:
            counted = bytescan.read_u32(data, raw + 8) if raw + 12 <= end else 0
            frames = min(frames, counted)
        stop = start + 8 * min(frames, _FRAMES_MAX)
        while stop > start and bytescan.filler_at(data, stop - 8, stop) < stop:
            stop -= 8
        if bytescan.filler_at(data, start, stop) < stop:
            block = _without_fillers(block[start:stop])
            start, stop = 0, len(block)
        scanner = self.scanner
        if start < stop:
            if scanner.block is not block:
                scanner.use(block)
            scanner.attach(start, stop)


def _level(flags: int) -> int:
    """How deep in interrupts, from ``common_flags``: task, soft interrupt, hard one, NMI."""
    if flags & (_SOFTIRQ | _HARDIRQ | _NMI) == 0:
        return 0
    if flags & _NMI:
        return 3
    return 2 if flags & _HARDIRQ else 1


def _highest(levels: int) -> int:
    """The highest bit set of four; 0 for none."""
    if levels & 12:
        return 3 if levels & 8 else 2
    return levels >> 1


def _without_fillers(addresses: bytes) -> bytes:
    words = array("q", addresses)
    return array("q", [word for word in words if word not in {0, -1}]).tobytes()

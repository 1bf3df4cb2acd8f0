"""PERF_RECORD_SAMPLE records of tracepoints into columns, as they lie in the file.

Like text lines, a record is a few volatile numbers (time, pfn, tid) between bytes that repeat:
what and in which context (type, flags, preempt count), the fields behind the pfn, the call chain.
Each distinct run of bytes is decoded once by a :class:`RecordDecoder` and remembered by number.
Rows come out in file order with the number of their thread in the ``task`` column; time order and
names are :mod:`buddysim.source.perf_order`'s.  Hot and compiled: see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple, Protocol

from buddysim.source import bytescan
from buddysim.source.event import EventBatch
from buddysim.source.event_shape import EVENT_PAGE, EVENT_RARE, EVENT_SLAB
from buddysim.source.scanner import PieceTable

__all__ = [
    "FIRST_CAPACITY",
    "NO_SAMPLES",
    "RawEvent",
    "RecordDecoder",
    "SampleLayout",
    "SampleScanner",
]

FIRST_CAPACITY = 1 << 16
"""Rows that fit before :meth:`SampleScanner.grow` is needed."""

_PAGE = EVENT_PAGE
_SLAB = EVENT_SLAB
_RARE = EVENT_RARE
_FEW = 1 << 11
_AHEAD = 1 << 12
"""How far ahead of the scan a compiled one asks for bytes: processors do so up to a page's end."""
_HEAD_BYTES = 8
_SAMPLE = 9
_FINISHED_ROUND = 68
_USER_MARKER = -512
_LARGEST_PFN = 1 << 52
_VMEMMAP = -(22 << 40)
_READ_ID, _READ_GROUP, _READ_LOST = 4, 8, 16


class RawEvent(NamedTuple):
    """What the first four bytes of a raw record (type, flags, preempt count) mean."""

    kind: int
    shape: int
    """``EVENT_*`` of the line scanner."""
    context: int
    name: int
    """Index in ``Tables.names`` of an event that nobody interprets."""
    type_number: int
    """Small number of the tracepoint."""
    number_at: int
    """Offset of the pfn or pointer."""
    tail_at: int
    tail_end: int
    """The fields behind it; ``tail_end`` is the least size of the record."""
    fails: int = 0
    """1: a null page is a failed allocation."""
    is_pointer: int = 0
    """1: the record holds a struct page pointer instead of a pfn (before 4.0)."""


class SampleLayout(NamedTuple):
    """Where the fixed fields of a sample record lie, from its start; -1 = absent."""

    tid_at: int
    time_at: int
    cpu_at: int
    fixed_end: int
    read_format: int
    """-1 = the sample carries no counter values."""
    has_chain: int


NO_SAMPLES = SampleLayout(0, 0, 0, 0, read_format=-1, has_chain=0)
"""Of a scanner that is given every record by :meth:`SampleScanner.add`."""


class RecordDecoder(Protocol):
    """What the scanner asks about bytes that it meets for the first time."""

    def event(self, head: bytes) -> RawEvent:
        """Of the first four bytes of the raw record."""
        ...

    def tail(self, type_number: int, raw: bytes) -> tuple[int, int, int, int] | None:
        """Order, migratetype, gfp mask, aux of a whole raw record; None when impossible."""
        ...

    def site(self, address: int) -> int:
        """Caller index of a call site; 0 when unknown."""
        ...

    def frames(self, addresses: bytes) -> tuple[int, int]:
        """Stack index and caller index (0: the chain names none) of 64-bit addresses."""
        ...

    tids: list[int]
    """Thread ids by their numbers."""

    def thread(self, tid: int) -> int:
        """Number of a thread, new or known."""
        ...

    def number_of(self, tid: int) -> int:
        """Number of a known thread, or -1."""
        ...


class SampleScanner:
    """Collects rows from blocks of perf records."""

    def __init__(
        self,
        decoder: RecordDecoder,
        layout: SampleLayout = NO_SAMPLES,
        cpus_break_ties: bool = False,
    ) -> None:
        """``cpus_break_ties``: rows of one time are sorted by cpu, not left as they came."""
        self.decoder = decoder
        self.tid_at, self.time_at, self.cpu_at, self.fixed_end = layout[:4]
        self.read_format, self.has_chain = layout[4:]
        self.count = 0
        self.newest = -1
        self.round_newest = -1
        self.settled = -1
        """No row to come is older: the newest time of the round before the last one."""
        self.capacity = FIRST_CAPACITY
        self.enough = FIRST_CAPACITY // 2
        """Rows after which :meth:`scan` stops at the end of a round."""
        self.skipped = 0
        self.sorted = 0
        self.cpus_break_ties = cpus_break_ties
        self.shuffled = False
        """Is ``order_of_time`` of the sorted rows other than the rows' own order?"""
        self._make_tables()
        self.columns = {
            name: array(code, [0]) * self.capacity for name, code in EventBatch.typecodes.items()
        }
        self.columns["handle"] = array("i", [-1]) * self.capacity
        self._bind()
        self.use(b"")

    def _make_tables(self) -> None:
        self.events = PieceTable("BBBqiiiiBB", _FEW)
        self.event_kind, self.event_shape, self.event_context = self.events.columns[:3]
        self.event_name, self.event_type, self.event_number = self.events.columns[3:6]
        self.event_tail, self.event_end = self.events.columns[6:8]
        self.event_fails, self.event_pointer = self.events.columns[8:]
        self.tails = PieceTable("bbIq", _FEW)
        self.tail_order, self.tail_type, self.tail_gfp, self.tail_aux = self.tails.columns
        self.sites = PieceTable("I", _FEW)
        (self.site_caller,) = self.sites.columns
        self.stacks = PieceTable("II")
        self.stack_index, self.stack_caller = self.stacks.columns
        self.threads = PieceTable("I", _FEW)
        (self.thread_number,) = self.threads.columns

    def _bind(self) -> None:
        self.order_of_time = array("I", [0]) * self.capacity
        self.row_order = self.order_of_time
        self.row_scratch = array("I", [0]) * self.capacity
        self.kind = self.columns["kind"]
        self.cpu = self.columns["cpu"]
        self.context = self.columns["context"]
        self.order = self.columns["order"]
        self.migratetype = self.columns["migratetype"]
        self.gfp = self.columns["gfp"]
        self.time_ns = self.columns["time_ns"]
        self.pfn = self.columns["pfn"]
        self.caller = self.columns["caller"]
        self.task = self.columns["task"]
        self.stack = self.columns["stack"]
        self.aux = self.columns["aux"]
        self.ranks = self.cpu if self.cpus_break_ties else None

    def grow(self) -> None:
        """Twice the capacity."""
        order = self.order_of_time
        self.capacity *= 2
        self.columns = {name: column + column for name, column in self.columns.items()}
        self._bind()
        self.order_of_time[: len(order)] = order

    def sort(self) -> None:
        """Bring all rows into ``order_of_time``; equal times keep the order of the file."""
        if bytescan.sort_rows(
            self.time_ns, self.ranks, self.sorted, self.count, self.row_order, self.row_scratch
        ):
            self.shuffled = True
        self.sorted = self.count

    def keep(self, rest: int) -> None:
        """Only ``rest`` rows are left: the first ones, and in order of time."""
        for row in range(rest):
            self.row_order[row] = row
        self.count = self.sorted = rest
        self.shuffled = False

    def finish_round(self) -> None:
        """perf has emptied all buffers once: nothing to come is older than the round before."""
        self.sort()
        self.settled = self.round_newest
        self.round_newest = self.newest

    def name_rows(self, tasks: array[int], callers: array[int], place: int, stop: int) -> int:
        """Replace thread numbers by ``tasks[number]``, and missing callers by ``callers[number]``.

        Of the rows at places ``place`` to ``stop`` of ``order_of_time``.  Returns the place of the
        first one whose thread has no task (-1, or beyond the array's end), or ``stop``.
        """
        known = len(tasks)
        while place < stop:
            row = self.row_order[place]
            number = self.task[row]
            if number >= known or tasks[number] < 0:
                break
            self.task[row] = tasks[number]
            if self.caller[row] == 0:
                self.caller[row] = callers[number]
            place += 1
        return place

    def use(self, block: bytescan.Block) -> None:
        """Offsets given from now on are those in ``block``, where no record was read yet."""
        self.block = block
        self.data = bytescan.first_byte(block)
        self.last_raw = self.last_tid = self.last_chain = -1
        self.last_event = self.last_size = 0
        self.last_thread = self.last_stack = self.last_caller = 0

    def scan(self, block: bytescan.Block, pos: int) -> int:
        """Read samples from offset ``pos``; return where it stopped.

        It stops at a record that is neither a sample nor the end of a round, at one that is not
        whole, when full, and behind the end of a round once there are ``enough`` rows.
        """
        self.use(block)
        data = self.data
        end = len(block)
        while pos + 8 <= end and self.count < self.capacity:
            kind = bytescan.read_u32(data, pos)
            size = bytescan.read_u16(data, pos + 6)
            if size < _HEAD_BYTES or pos + size > end:
                break
            if kind == _FINISHED_ROUND:
                pos += size
                self.finish_round()
                if self.count >= self.enough:
                    break
                continue
            if kind != _SAMPLE or size < self.fixed_end:
                break
            bytescan.prefetch(data, pos + _AHEAD, size)
            if self._sample(pos, pos + size) == 0:
                self.skipped += 1
            pos += size
        return pos

    def _sample(self, pos: int, stop: int) -> int:
        """Read one record; 0 when it is damaged."""
        data = self.data
        at = pos + self.fixed_end
        if self.read_format >= 0:
            at = self._behind_values(at, stop)
        chain = at + 8
        if self.has_chain:
            if at + 8 > stop:
                return 0
            frames = bytescan.read_i64(data, at)
            if frames < 0 or frames > (stop - at) >> 3:
                return 0
            at = chain + 8 * frames
        raw = at + 4
        if raw + 8 > stop:
            return 0
        raw_end = raw + bytescan.read_u32(data, at)
        if raw_end > stop or raw_end < raw + 8:
            return 0
        time_ns = bytescan.read_i64(data, pos + self.time_at)
        cpu = bytescan.read_u16(data, pos + self.cpu_at)
        if self.add(raw, raw_end, pos + self.tid_at, time_ns, cpu) == 0:
            return 0
        if self.has_chain:
            self.attach(chain, at)
        return 1

    def add(self, raw: int, raw_end: int, tid_at: int, time_ns: int, cpu: int) -> int:
        """One more row, from the tracepoint's own record [raw, raw_end); 0 when it is damaged.

        There must be room for it, and eight bytes in the record.
        """
        event = self._event(raw)
        if raw + self.event_end[event] > raw_end:
            return 0
        if self._fields(raw, raw_end, event) == 0:
            return 0
        row = self.count
        self.time_ns[row] = time_ns
        self.newest = max(self.newest, time_ns)
        self.cpu[row] = cpu
        self.stack[row] = 0
        self.task[row] = self._thread(tid_at)
        self.count = row + 1
        return 1

    def _remember(self, pieces: PieceTable, pos: int, end: int, values: tuple[int, ...]) -> int:
        """Number the bytes [pos, end) and store what they mean, one value per column."""
        number = pieces.append(values)
        bytescan.remember_piece(pieces.index, pieces.slots, self.data, pos, end, number)
        return number

    def _event(self, raw: int) -> int:
        """Number of the first four bytes of a raw record."""
        data = self.data
        if self.last_raw >= 0 and bytescan.same_bytes(data, self.last_raw, raw, 4):
            return self.last_event
        events = self.events
        event = bytescan.find_piece(events.index, events.slots, data, raw, raw + 4)
        if event < 0:
            head = self.block[raw : raw + 4]
            event = self._remember(events, raw, raw + 4, self.decoder.event(head))
        self.last_raw = raw
        self.last_event = event
        return event

    def _fields(self, raw: int, raw_end: int, event: int) -> int:
        """Fill row ``count`` with what the record says; 0 when a number is impossible."""
        data = self.data
        row = self.count
        shape = self.event_shape[event]
        caller = 0
        number = -1
        if shape <= _SLAB:
            number = bytescan.read_i64(data, raw + self.event_number[event])
            if shape == _SLAB:
                caller = self._site(raw + 8)
            elif self.event_pointer[event] and number != 0:
                number = (number - _VMEMMAP) >> 6
            if shape == _PAGE:
                if number >= _LARGEST_PFN:
                    return 0
                if self.event_fails[event] and number <= 0:
                    number = -1
        self.order[row] = 0
        self.migratetype[row] = -1
        self.gfp[row] = 0
        self.aux[row] = self.event_name[event]
        if shape <= _RARE:
            tail = self._tail(raw, raw_end, event)
            if tail < 0:
                return 0
            self.order[row] = self.tail_order[tail]
            self.migratetype[row] = self.tail_type[tail]
            self.gfp[row] = self.tail_gfp[tail]
            self.aux[row] = self.tail_aux[tail]
        self.kind[row] = self.event_kind[event]
        self.context[row] = self.event_context[event]
        self.pfn[row] = number
        self.caller[row] = caller
        return 1

    def _behind_values(self, at: int, stop: int) -> int:
        """Offset behind the counter values that a sample of a group carries."""
        data = self.data
        values = 1
        each = 8
        if self.read_format & _READ_ID:
            each += 8
        if self.read_format & _READ_LOST:
            each += 8
        times = 8 * ((self.read_format & 1) + (self.read_format >> 1 & 1))
        if self.read_format & _READ_GROUP:
            if at + 8 > stop:
                return stop
            values = bytescan.read_u16(data, at)
            at += 8
        return at + times + values * each

    def _tail(self, raw: int, raw_end: int, event: int) -> int:
        data = self.data
        tails = self.tails
        pos = raw + self.event_tail[event]
        end = raw + self.event_end[event]
        salt = self.event_type[event]
        tail = bytescan.find_field(tails.index, tails.slots, salt, data, pos, end)
        if tail < 0:
            values = self.decoder.tail(salt, self.block[raw:raw_end])
            if values is None:
                return -1
            tail = tails.append(values)
            bytescan.remember_field(tails.index, tails.slots, salt, data, pos, end, tail)
        return tail

    def _thread(self, at: int) -> int:
        data = self.data
        if self.last_tid >= 0 and bytescan.same_bytes(data, self.last_tid, at, 4):
            return self.last_thread
        threads = self.threads
        thread = bytescan.find_piece(threads.index, threads.slots, data, at, at + 4)
        if thread < 0:
            number = self.decoder.thread(bytescan.read_u32(data, at))
            thread = self._remember(threads, at, at + 4, (number,))
        self.last_tid = at
        self.last_thread = self.thread_number[thread]
        return self.last_thread

    def _site(self, at: int) -> int:
        data = self.data
        sites = self.sites
        site = bytescan.find_piece(sites.index, sites.slots, data, at, at + 8)
        if site < 0:
            caller = self.decoder.site(bytescan.read_i64(data, at))
            site = self._remember(sites, at, at + 8, (caller,))
        return self.site_caller[site]

    def attach(self, pos: int, end: int) -> None:
        """Give the last row the call chain [pos, end), but for the user's frames."""
        data = self.data
        row = self.count - 1
        size = self.last_size
        # Most chains are those of the record before, but for the user's frames.
        if (
            self.last_chain < 0
            or pos + size > end
            or not bytescan.same_bytes(data, self.last_chain, pos, size)
            or (pos + size < end and bytescan.read_i64(data, pos + size) != _USER_MARKER)
        ):
            self._other_chain(pos, bytescan.user_frames(data, pos, end))
        self.stack[row] = self.last_stack
        if self.caller[row] == 0:
            self.caller[row] = self.last_caller

    def _other_chain(self, pos: int, end: int) -> None:
        """Look up the kernel's part of a chain."""
        data = self.data
        stacks = self.stacks
        stack = bytescan.find_piece(stacks.index, stacks.slots, data, pos, end)
        if stack < 0:
            stack = self._remember(stacks, pos, end, self.decoder.frames(self.block[pos:end]))
        self.last_chain = pos
        self.last_size = end - pos
        self.last_stack = self.stack_index[stack]
        self.last_caller = self.stack_caller[stack]

"""One pass over blocks of trace text into event columns; the same for every text format.

A line is taken apart at its two volatile numbers, the time and the pfn (or object pointer)::

    HEAD                         TIME      EVENT                      NUMBER   TAIL
    "  bash-9687  [001] ..... "  1800.509  "mm_page_alloc: " .. pfn=  0x1b8ae  " order=0 .."

HEAD, EVENT and TAIL repeat, so each distinct text is decoded once by a :class:`Decoder` (plain,
unhurried Python) and remembered by number; so are call chains.  What is left per line is finding
the seams, two numbers and one store per column.  Hot and compiled: see the sibling ``.pxd``.
"""

from __future__ import annotations

from array import array

from buddysim.source import bytescan, seams
from buddysim.source.event import BATCH_EVENTS, EventBatch, EventKind
from buddysim.source.event_shape import (
    EVENT_IGNORED,
    EVENT_NONE,
    EVENT_PAGE,
    EVENT_RARE,
    EVENT_SLAB,
    EVENT_STACK,
    Decoder,
)
from buddysim.source.shelf import Shelf

__all__ = ["PieceTable", "Scanner"]

_PAGE = EVENT_PAGE
_SLAB = EVENT_SLAB
_STACK = EVENT_STACK
_RARE = EVENT_RARE
_IGNORED = EVENT_IGNORED
_NONE = EVENT_NONE
_CAPACITY = BATCH_EVENTS
_PIECES = 1 << 15
_SLOT_WORDS = 2 * 2
_PLACES = 1 << 13
_PLACE_MASK = _PLACES - 1
_LONGEST_CHAIN = 1 << 17
_MOST_HELD = 1 << 12
_LARGEST_PFN = 1 << 52
_BAD = bytescan.NO_NUMBER
_LOST = int(EventKind.LOST)
_FIRST_SLAB = int(EventKind.KMALLOC)
_LAST_SLAB = int(EventKind.KMEM_CACHE_FREE)
_PFN = b"pfn="
_PTR = b"ptr="


class PieceTable:
    """Distinct byte strings, numbered; forgets everything when ``pieces`` are known."""

    def __init__(self, columns: str, pieces: int = _PIECES) -> None:
        """``pieces``: a power of two; memory, and the time to clear it, is O(pieces)."""
        self.index: dict[bytes, int] = {}
        self.pieces = pieces
        self.slots = array("Q", [0]) * (_SLOT_WORDS * pieces)
        self.count = 0
        self.columns = [array(code, [0]) * pieces for code in columns]

    def add(self, block: bytes, pos: int, end: int, values: tuple[int, ...]) -> int:
        """Number the piece [pos, end) and store one value per column."""
        number = self.append(values)
        bytescan.remember_piece(self.index, self.slots, block, pos, end, number)
        return number

    def append(self, values: tuple[int, ...]) -> int:
        """Store one value per column; the number under which to remember the piece."""
        if self.count == self.pieces:
            self.index.clear()
            self.slots = array("Q", [0]) * (_SLOT_WORDS * self.pieces)
            self.count = 0
        number = self.count
        self.count += 1
        for column, value in zip(self.columns, values, strict=True):
            column[number] = value
        return number


class Scanner:
    """Collects rows from text blocks: feed it with :meth:`scan`, empty it with :meth:`take`."""

    def __init__(self, decoder: Decoder, chain_follows: bool) -> None:
        """``chain_follows``: frames belong to the line before (perf), not to an announcement."""
        self.decoder = decoder
        self.chain_follows = chain_follows
        self.lines = 0
        self.skipped = 0
        self.count = 0
        self.first = 0
        self.chain_row = -1
        self.chains = 0
        self.last_time = 0
        self.last_row = array("i", [-1]) * _PLACES
        """The row that an announced call chain belongs to, by cpu and interrupt level: events of
        an interrupt may come before the chain of the event that they interrupted."""
        self.found = array("q", bytes(8 * seams.SEAMS))
        """Of the last line, see ``seams.py``."""
        self.last_head = 0
        """The head of the line that ``found[LAST]`` tells of."""
        self.base = 0
        """What to add to offsets in this block, to tell them from those in others."""
        self._make_tables()
        self._make_columns()

    def _make_tables(self) -> None:
        self.heads = PieceTable("IIHBi")
        self.head_task, self.head_caller, self.head_cpu = self.heads.columns[:3]
        self.head_context, self.head_place = self.heads.columns[3:]
        self.events = PieceTable("BBBqqqi")
        self.event_kind, self.event_shape, self.event_fails, self.event_name = self.events.columns[
            :4
        ]
        # Where its last tail is in this block, how long, and which.
        self.event_tail_at, self.event_tail_length, self.event_tail = self.events.columns[4:]
        self.tails = PieceTable("bbIq")
        self.tail_order, self.tail_type, self.tail_gfp, self.tail_aux = self.tails.columns
        self.sites = PieceTable("I")
        (self.site_caller,) = self.sites.columns
        self.stacks = PieceTable("II")
        self.stack_index, self.stack_caller = self.stacks.columns

    def _make_columns(self) -> None:
        self.columns = {
            name: array(code, bytes(array(code).itemsize * _CAPACITY))
            for name, code in EventBatch.typecodes.items()
        }
        self.columns["handle"] = array("i", [-1]) * _CAPACITY
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
        self.line = self.columns["line"]

    def full(self) -> bool:
        """No room for another row: :meth:`take` before scanning on."""
        return self.count >= _CAPACITY

    def scan(self, block: bytes, pos: int, final: bool) -> int:
        """Read lines from offset ``pos``; return where it stopped.

        It stops at the end, when full, or at a line or call chain that may go on in the next
        block; ``final`` says that there is none.
        """
        data = block
        end = len(block)
        self.found[seams.LAST] = -1
        while pos < end and self.count < _CAPACITY:
            first = data[pos]
            frames = first in (9, 61) or (first == 32 and pos + 1 < end and data[pos + 1] == 61)
            if not frames:
                usual = self._usual(block, pos) if seams.INTERPRETED else self._known(block, pos)
                if usual:
                    pos = usual
                    continue
            else:
                stop = bytescan.frames_end(data, pos, end)
                if not final and self._may_go_on(block, pos, stop):
                    break
                if stop > pos:
                    self._attach(block, pos, stop)
                    pos = stop
                    continue
            eol = bytescan.find_byte(data, 10, pos, end)
            if eol < 0:
                break
            self.lines += 1
            stop = eol - 1 if eol > pos and data[eol - 1] == 13 else eol
            if self._event(block, pos, stop) == 0:
                self._odd(block, pos, stop)
            pos = eol + 1
        self.base += end
        return pos

    def _usual(self, block: bytes, pos: int) -> int:
        """Store the line at ``pos`` if it is of the commonest kind and all its pieces are known.

        Returns the offset of the next line, or 0 for :meth:`_event` to do it.
        """
        match = seams.match_usual(block, pos)
        if match is None:
            return 0
        head_text, seconds, us, event_text, page, pfn, tail_text = match.groups()
        head = self.heads.index.get(head_text, -1)
        event = self.events.index.get(event_text, -1)
        tail = self.tails.index.get(tail_text, -1)
        if head < 0 or event < 0 or tail < 0 or self.event_shape[event] != _PAGE:
            return 0
        number = int(pfn, 16)
        if self.event_fails[event] and (number == 0 or page[0] == 40):
            number = -1
        self.lines += 1
        self.last_time = int(seconds) * 1_000_000_000 + int(us) * 1000
        self._store_page(head, event, tail, number)
        return match.end()

    def _known(self, block: bytes, pos: int) -> int:
        """As :meth:`_usual`, for the compiled build; announcements of call chains too."""
        data = block
        found = self.found
        colon = seams.find_seams(data, pos, len(block), found)
        if colon == 0:
            return 0
        head = self.last_head
        if found[seams.LAST] < 0:
            heads = self.heads
            head = bytescan.find_piece(heads.index, heads.slots, data, pos, found[seams.TIME])
            if head < 0:
                return 0
            self.last_head = head
            found[seams.LAST] = pos
            found[seams.LAST_HEAD] = found[seams.TIME]
            found[seams.LAST_TIME] = colon
        events = self.events
        start, stop = found[seams.EVENT], found[seams.TEXT]
        event = bytescan.find_piece(events.index, events.slots, data, start, stop)
        if event < 0:
            return 0
        if self.event_shape[event] == _STACK and found[seams.NUMBER_END] == stop:
            self.chain_row = self.last_row[self.head_place[head]]
            self.last_time = found[seams.TIME_NS]
            self.lines += 1
            return stop + 1
        if self.event_shape[event] != _PAGE or found[seams.NUMBER_END] == stop:
            return 0
        return self._known_page(block, head, event)

    def _known_page(self, block: bytes, head: int, event: int) -> int:
        """Store a page event that :meth:`_known` took apart, if its tail is known too."""
        data = block
        found = self.found
        end = len(block)
        pos = found[seams.NUMBER_END]
        tail = self.event_tail[event]
        earlier = self.event_tail_at[event] - self.base
        stop = pos + self.event_tail_length[event]
        if (
            earlier < 0
            or not seams.is_repeated(data, pos, end, earlier, stop - pos)
            or data[stop] != 10
        ):
            stop = bytescan.find_byte(data, 10, pos, end)
            if stop < 0 or data[stop - 1] == 13:
                return 0
            tails = self.tails
            tail = bytescan.find_piece(tails.index, tails.slots, data, pos, stop)
            if tail < 0:
                return 0
            self.event_tail[event] = tail
            self.event_tail_at[event] = self.base + pos
            self.event_tail_length[event] = stop - pos
        number = found[seams.NUMBER]
        if self.event_fails[event] and (number == 0 or data[found[seams.TEXT] + 5] in (32, 40)):
            number = -1
        self.lines += 1
        self.last_time = found[seams.TIME_NS]
        self._store_page(head, event, tail, number)
        return stop + 1

    def _may_go_on(self, block: bytes, pos: int, stop: int) -> bool:
        """The call chain [pos, stop) may have more frames in the next block."""
        if stop - pos > _LONGEST_CHAIN:
            return False
        return bytescan.find_byte(block, 10, stop, len(block)) < 0

    def _event(self, block: bytes, pos: int, eol: int) -> int:
        """Read one line; 0 when it is no event."""
        data = block
        if self.chain_follows:
            self.chain_row = -1
        heads = self.heads
        head = -1
        colon = bytescan.find_separator(data, pos, eol)
        while colon >= 0:
            start = bytescan.word_start(data, pos, colon)
            time_ns = bytescan.parse_time(data, start, colon)
            if time_ns >= 0:
                head = bytescan.find_piece(heads.index, heads.slots, data, pos, start)
                if head < 0:
                    head = self._new_head(block, pos, start)
                if head >= 0:
                    self.last_time = time_ns
                    break
            colon = bytescan.find_separator(data, colon + 1, eol)
        if head < 0:
            return 0
        at = bytescan.find_separator(data, colon + 2, eol)
        at = eol if at < 0 else bytescan.skip_blanks(data, at + 2, eol)
        events = self.events
        event = bytescan.find_piece(events.index, events.slots, data, colon + 2, at)
        if event < 0:
            event = self._new_event(block, colon + 2, at)
        shape = self.event_shape[event]
        if shape > _SLAB:
            return self._unusual(block, at, eol, head, event)
        return self._object(block, at, eol, head, event)

    def _object(self, block: bytes, at: int, eol: int, head: int, event: int) -> int:
        """Store a page or slab event whose text begins at ``at``; 0 when it is damaged."""
        data = block
        page = self.event_shape[event] == _PAGE
        start = bytescan.find_key(data, _PFN if page else _PTR, at, eol)
        if start < 0:
            return 0
        stop = bytescan.find_byte(data, 32, start, eol)
        if stop < 0:
            stop = eol
        number = bytescan.parse_number(data, start, stop, 10 if page else 16)
        caller = self.head_caller[head]
        if page:
            if number == _BAD or number >= _LARGEST_PFN:
                return 0
            if self.event_fails[event] and (
                number <= 0 or data[at + 5] == 40 or data[at + 5] == 32
            ):
                number = -1
        else:
            number = 0 if number == _BAD and data[start] == 40 else number
            site = self._site(block, at, start)
            caller = site if site else caller
        if number == _BAD:
            return 0
        tails = self.tails
        tail = bytescan.find_piece(tails.index, tails.slots, data, stop, eol)
        if tail < 0:
            tail = self._new_tail(block, stop, eol)
            if tail < 0:
                return 0
        row = self._store_page(head, event, tail, number)
        self.caller[row] = caller
        return 1

    def _store_page(self, head: int, event: int, tail: int, number: int) -> int:
        """Fill a row with a pfn or pointer; the row's number."""
        row = self._store(head, event)
        self.caller[row] = self.head_caller[head]
        self.pfn[row] = number
        self.order[row] = self.tail_order[tail]
        self.migratetype[row] = self.tail_type[tail]
        self.gfp[row] = self.tail_gfp[tail]
        self.aux[row] = self.tail_aux[tail]
        return row

    def _store(self, head: int, event: int) -> int:
        """Fill what every row has; the row's number."""
        row = self.count
        self.kind[row] = self.event_kind[event]
        self.cpu[row] = self.head_cpu[head]
        self.context[row] = self.head_context[head]
        self.task[row] = self.head_task[head]
        self.time_ns[row] = self.last_time
        self.line[row] = self.lines
        self.stack[row] = 0
        self.last_row[self.head_place[head]] = row
        if self.chain_follows:
            self.chain_row = row
        self.count = row + 1
        return row

    def _new_head(self, block: bytes, pos: int, end: int) -> int:
        values = self.decoder.head(block[pos:end])
        if values is None:
            return -1
        _, _, cpu, context = values
        place = (cpu << 3 | context >> 3 & 7) & _PLACE_MASK
        self.found[seams.LAST] = -1
        return self.heads.add(block, pos, end, (*values, place))

    def _new_event(self, block: bytes, pos: int, end: int) -> int:
        return self.events.add(block, pos, end, (*self.decoder.event(block[pos:end]), -1, 0, 0))

    def _new_tail(self, block: bytes, pos: int, end: int) -> int:
        values = self.decoder.tail(block[pos:end])
        if values is None:
            return -1
        tail = self.tails.add(block, pos, end, values)
        if tail == 0:
            self.base += len(block)
        return tail

    def _site(self, block: bytes, pos: int, end: int) -> int:
        sites = self.sites
        site = bytescan.find_piece(sites.index, sites.slots, block, pos, end)
        if site < 0:
            site = sites.add(block, pos, end, (self.decoder.site(block[pos:end]),))
        return self.site_caller[site]

    def _unusual(self, block: bytes, at: int, eol: int, head: int, event: int) -> int:
        """Rows without pfn or pointer, and the announcement of a call chain."""
        shape = self.event_shape[event]
        if shape == _NONE:
            return 0
        if shape == _IGNORED:
            self.chain_row = -1
            return 1
        if shape == _STACK:
            self.chain_row = self.last_row[self.head_place[head]]
            return 1
        columns: tuple[int, int, int, int] | None = (0, -1, 0, self.event_name[event])
        if shape == _RARE:
            columns = self.decoder.rare(self.event_kind[event], block[at:eol])
        if columns is None:
            return 0
        row = self._store(head, event)
        self.caller[row] = self.head_caller[head]
        self.pfn[row] = -1
        self.order[row], self.migratetype[row], self.gfp[row], self.aux[row] = columns
        return 1

    def _attach(self, block: bytes, pos: int, end: int) -> None:
        """Give the call chain [pos, end) to the row that waits for it."""
        self.lines += bytescan.count_lines(block, pos, end)
        row = self.chain_row
        if row >= 0:
            self.chain_row = -1
            self._chain(block, pos, end, row)

    def _chain(self, block: bytes, pos: int, end: int, row: int) -> None:
        stacks = self.stacks
        stack = bytescan.find_piece(stacks.index, stacks.slots, block, pos, end)
        if stack < 0:
            stack = stacks.add(block, pos, end, self.decoder.frames(block[pos:end]))
        self.chains += 1
        self.stack[row] = self.stack_index[stack]
        kind = self.kind[row]
        caller = self.stack_caller[stack]
        if caller and not _FIRST_SLAB <= kind <= _LAST_SLAB:
            self.caller[row] = caller

    def _odd(self, block: bytes, pos: int, eol: int) -> None:
        """A line that is no event: a comment, a note of lost events, or damage."""
        answer = (0, 0) if pos == eol else self.decoder.odd_line(block[pos:eol])
        if answer is None:
            self.skipped += 1
        elif answer[0]:
            self._store_lost(answer[0], answer[1])

    def _store_lost(self, lost: int, cpu: int) -> None:
        row = self.count
        for name, column in self.columns.items():
            column[row] = -1 if name in {"pfn", "handle", "migratetype"} else 0
        self.kind[row] = _LOST
        self.cpu[row] = cpu
        self.time_ns[row] = self.last_time
        self.aux[row] = lost
        self.line[row] = self.lines
        self.count = row + 1

    def take(self, final: bool, shelf: Shelf) -> EventBatch:
        """The rows so far as a batch.  Rows whose call chain may still come stay behind."""
        held = 0 if final else self._held()
        cut = self.count - held
        batch = shelf.batch(self.first, cut)
        for name, column in self.columns.items():
            shelf.put(batch, name, column, 0, cut)
            if held:
                column[:held] = column[cut : self.count]
        for place, row in enumerate(self.last_row):
            if row >= 0:
                self.last_row[place] = row - cut if row >= cut else -1
        self.chain_row = self.chain_row - cut if self.chain_row >= cut else -1
        self.first += cut
        self.count = held
        return batch

    def _held(self) -> int:
        """Rows from the oldest that still waits for its chain, at most ``_MOST_HELD``."""
        if self.chain_follows:
            return 1 if self.chain_row >= 0 else 0
        if not self.chains:
            return 0
        waiting = [row for row in self.last_row if row >= 0 and self.stack[row] == 0]
        return min(self.count - min(waiting, default=self.count), _MOST_HELD)

"""Pictures of the machine along a replay: free lists, marks and pageblocks at chosen moments.

:func:`watched` hands a trace on in small batches; between two of them the engine has done all the
work of the first, so a :class:`Watcher` may look at the machine.  Runs that are not watched pay
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from buddysim.mm.machine import Machine
from buddysim.mm.zone import Zone
from buddysim.source.event import EventBatch

__all__ = [
    "CELLS_MAX",
    "USED_FULL",
    "Film",
    "Frame",
    "Watcher",
    "ZoneFrame",
    "look_at",
    "watched",
]

CELLS_MAX = 1024
"""Map cells of all zones together; bigger machines put several pageblocks into one."""
USED_FULL = 35
"""Occupancy of a cell runs from 0 to this (one base-36 digit)."""
_ORDERS = range(11)
_TYPES = range(6)


@dataclass(frozen=True, slots=True)
class ZoneFrame:
    """One zone at one moment.  Pages, except ``nr_free`` and ``by_type``, which count blocks."""

    name: str
    node: int
    free: int
    min: int
    low: int
    high: int
    nr_free: tuple[int, ...]
    by_type: tuple[tuple[int, ...], ...] = ()
    """``by_type[migratetype][order]``; empty unless the film was asked for it."""
    cell_types: bytes = b""
    """Migratetype of each map cell: that of its first pageblock."""
    cell_used: bytes = b""
    """Share of each map cell's pages that are not free, 0..USED_FULL."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The machine after ``event`` events.  ``time_ns`` is that of the last of them."""

    event: int
    time_ns: int
    zones: tuple[ZoneFrame, ...]


class Watcher(Protocol):
    """Looks at a machine between pieces of a trace."""

    every: int
    """Events in the next piece, at least 1."""

    def begin(self, machine: Machine) -> None:
        """The machine in its start state."""
        ...

    def after(self, machine: Machine, piece: EventBatch) -> bool:
        """The machine after ``piece``; False ends the replay here."""
        ...


@dataclass
class Film:
    """Frames in order of time, the start state first, at the time of the first event.

    When there are more than ``max_frames``, every second one is dropped and from then on half as
    many are taken: what is kept stays evenly spread, and no frame is an average.
    """

    max_frames: int = 120
    by_type: bool = False
    every: int = 1
    """Events from one frame to the next."""
    frames: list[Frame] = field(default_factory=list)
    cell_blocks: int = 1
    """Pageblocks in one map cell."""

    def begin(self, machine: Machine) -> None:
        """The start state."""
        self.add(machine, 0, 0)

    def after(self, machine: Machine, piece: EventBatch) -> bool:
        """One picture after each piece; the film is never full."""
        if len(self.frames) == 1:
            self.frames[0] = replace(self.frames[0], time_ns=piece.time_ns[0])
        self.add(machine, piece.first + len(piece), piece.time_ns[-1])
        return True

    def add(self, machine: Machine, event: int, time_ns: int) -> None:
        """Take a picture.  O(pages / 512 + free blocks when ``by_type``)."""
        zones = [zone for zone in machine.zones if zone.managed]
        blocks = sum(len(zone.pageblock) for zone in zones)
        self.cell_blocks = max(-(-blocks // CELLS_MAX), 1)
        pictures = tuple(look_at(zone, self.cell_blocks, by_type=self.by_type) for zone in zones)
        self.frames.append(Frame(event, time_ns, pictures))
        if len(self.frames) > self.max_frames:
            self.frames = self.frames[::2]
            self.every *= 2


def look_at(zone: Zone, cell_blocks: int = 0, *, by_type: bool = False) -> ZoneFrame:
    """Picture one zone; ``cell_blocks`` 0 leaves the map out."""
    types, used = _cells(zone, cell_blocks) if cell_blocks else (b"", b"")
    lists: tuple[tuple[int, ...], ...] = ()
    if by_type:
        lists = tuple(tuple(zone.nr_free_type(order, mt) for order in _ORDERS) for mt in _TYPES)
    return ZoneFrame(
        zone.name,
        zone.node,
        zone.true_free,
        zone.wmark(0),
        zone.wmark(1),
        zone.wmark(2),
        tuple(zone.nr_free),
        lists,
        types,
        used,
    )


def _cells(zone: Zone, cell_blocks: int) -> tuple[bytes, bytes]:
    """Type and occupancy of every map cell, from the arrays of the zone."""
    block_pages = 1 << zone.pageblock_order
    heads = memoryview(zone.order_of)
    types, used = bytearray(), bytearray()
    carried = 0
    first = zone.start >> zone.pageblock_order
    last = (zone.end + block_pages - 1) >> zone.pageblock_order
    for block in range(first, last, cell_blocks):
        begin = max(block * block_pages, zone.start)
        end = min((block + cell_blocks) * block_pages, zone.end)
        free = carried + _free_pages(heads[begin:end])
        pages = end - begin
        carried = max(free - pages, 0)
        types.append(zone.pageblock[block])
        used.append((pages - min(free, pages)) * USED_FULL // pages)
    return bytes(types), bytes(used)


def _free_pages(heads: memoryview[int]) -> int:
    """Pages in the free blocks that start in a stretch of ``order_of``."""
    content = heads.tobytes()
    return sum(content.count(order) << order for order in _ORDERS)


def watched(
    batches: Iterable[EventBatch], machine: Machine, watcher: Watcher
) -> Iterator[EventBatch]:
    """The rows of a trace in pieces as long as the watcher wants, until it has seen enough.

    The engine must have done all the work of a piece before it asks for the next one.
    """
    watcher.begin(machine)
    for batch in batches:
        start = 0
        while start < len(batch):
            stop = min(start + watcher.every, len(batch))
            piece = _slice(batch, start, stop)
            yield piece
            if not watcher.after(machine, piece):
                return
            start = stop


def _slice(batch: EventBatch, start: int, stop: int) -> EventBatch:
    piece = EventBatch(batch.first + start)
    for name in EventBatch.columns:
        setattr(piece, name, getattr(batch, name)[start:stop])
    return piece

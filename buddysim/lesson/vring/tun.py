"""A tun-like device: packets between a process and the network stack through two rings.

Packets live in pages of the simulated machine.  When one cannot be had the packet waits or is
dropped and counted; the descriptor that carries it is never lost.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from buddysim.kernel.context import Context
from buddysim.kernel.gfp import composite
from buddysim.lesson.network.slab import PageSource
from buddysim.lesson.vring.layout import RingLayout
from buddysim.lesson.vring.memory import UserMemory
from buddysim.lesson.vring.ring import (
    BadDescriptorError,
    Chain,
    Direction,
    RingError,
    Vring,
)
from buddysim.units import PAGE_SIZE

__all__ = ["Packet", "Tun", "TunCounters"]

_SKB_OVERHEAD_BYTES = 320
_QUEUE_LIMIT = 500


@dataclass(frozen=True)
class Packet:
    """A packet in the kernel, in 2^order pages at ``pfn``."""

    pfn: int
    order: int
    content: bytes


@dataclass
class TunCounters:
    """What happened to packets; every number counts packets."""

    received: int = 0
    rx_no_memory: int = 0
    """Arrived while no page could be had; dropped."""
    rx_queue_full: int = 0
    rx_too_big: int = 0
    """Did not fit the user's next buffer; dropped, and the buffer went back empty."""
    sent: int = 0
    tx_waits: int = 0
    """Times a packet to send had to wait for memory with its descriptor kept."""
    bad_chains: int = 0
    """Chains the user got wrong; handed back empty where their head was usable."""


@dataclass
class Tun:
    """Open with the wanted ring size; the rings are halved until their pages can be had.

    Raises RingError when not even the smallest ring (8 entries) finds its pages.
    """

    pages: PageSource
    user: UserMemory
    ring_entries: int = 256
    era: str = "6.12"
    counters: TunCounters = field(default_factory=TunCounters)
    outbox: list[bytes] = field(default_factory=list)
    """What reached the network."""
    _queue: deque[Packet] = field(default_factory=deque)
    _stalled: Chain | None = None
    _ring_blocks: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receive = self._open(Direction.FROM_KERNEL)
        self.transmit = self._open(Direction.TO_KERNEL)
        self.receive.pull = self.deliver
        self.transmit.push = self.send

    def packet_arrives(self, content: bytes) -> bool:
        """From softirq: take pages for a packet and queue it.  False: dropped and counted."""
        if len(self._queue) >= _QUEUE_LIMIT:
            self.counters.rx_queue_full += 1
            return False
        packet = self._new_packet(content, "GFP_ATOMIC", Context.SOFTIRQ)
        if packet is None:
            self.counters.rx_no_memory += 1
            return False
        self._queue.append(packet)
        return True

    def deliver(self) -> None:
        """Copy queued packets into the user's buffers; runs when the user polls."""
        while self._queue:
            chain = self._take(self.receive)
            if chain is None:
                return
            packet = self._queue.popleft()
            written = self._fill(chain, packet.content)
            self.receive.used_buffer(chain.head, written)
            self.pages.free_pages(packet.pfn, packet.order)

    def send(self) -> None:
        """Take the user's packets; one that finds no memory keeps its place until the next call."""
        while True:
            chain = self._stalled or self._take(self.transmit)
            self._stalled = None
            if chain is None:
                return
            content = b"".join(self.user.read(b.address, b.nr_bytes) for b in chain.buffers)
            packet = self._new_packet(content, "GFP_KERNEL", Context.PROCESS)
            if packet is None:
                self.counters.tx_waits += 1
                self._stalled = chain
                return
            self.outbox.append(packet.content)
            self.counters.sent += 1
            self.pages.free_pages(packet.pfn, packet.order)
            self.transmit.used_buffer(chain.head, 0)

    def close(self) -> None:
        """Give back queued packets and the rings."""
        while self._queue:
            packet = self._queue.popleft()
            self.pages.free_pages(packet.pfn, packet.order)
        while self._ring_blocks:
            self.pages.free_pages(*self._ring_blocks.pop())

    def _open(self, direction: Direction) -> Vring:
        entries = self.ring_entries
        while entries >= 8:
            layout = RingLayout(entries)
            gfp = composite("GFP_KERNEL", self.era)
            pfn = self.pages.alloc_pages(layout.order, gfp)
            if pfn >= 0:
                self._ring_blocks.append((pfn, layout.order))
                return Vring(layout, bytearray(layout.nr_bytes), self.user, direction)
            entries //= 2
        self.close()
        raise RingError(f"no contiguous pages for a ring, from {self.ring_entries} entries to 8")

    def _take(self, ring: Vring) -> Chain | None:
        while True:
            try:
                return ring.get_buffer()
            except BadDescriptorError as error:
                self.counters.bad_chains += 1
                if error.head >= 0:
                    ring.used_buffer(error.head, 0)
                elif ring.available > ring.layout.num:
                    return None

    def _new_packet(self, content: bytes, mask: str, context: Context) -> Packet | None:
        pages = -(-(len(content) + _SKB_OVERHEAD_BYTES) // PAGE_SIZE)
        order = (pages - 1).bit_length()
        pfn = self.pages.alloc_pages(order, composite(mask, self.era), context=int(context))
        return None if pfn < 0 else Packet(pfn, order, content)

    def _fill(self, chain: Chain, content: bytes) -> int:
        if len(content) > chain.writable_bytes:
            self.counters.rx_too_big += 1
            return 0
        done = 0
        for buffer in chain.buffers:
            self.user.write(buffer.address, content[done : done + buffer.nr_bytes])
            done += min(buffer.nr_bytes, len(content) - done)
        self.counters.received += 1
        return done

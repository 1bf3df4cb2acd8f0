"""The tun-like device moves packets, waits or drops without memory, and loses no descriptor."""

from __future__ import annotations

import pytest

from buddysim.lesson.vring import RingError, Tun, UserMemory, UserRing
from buddysim.lesson.vring.ring import Buffer, DescriptorFlag

BASE = 0x100000


class Pages:
    """``free`` pages, given out until they are gone."""

    def __init__(self, free: int = 1000, largest_order: int = 10) -> None:
        self.free = free
        self.largest_order = largest_order
        self.orders: list[int] = []

    def alloc_pages(self, order: int, gfp: int, *, context: int = 0, caller: int = 0) -> int:
        self.orders.append(order)
        if order > self.largest_order or self.free < 1 << order:
            return -1
        self.free -= 1 << order
        return 1 << 12

    def free_pages(self, pfn: int, order: int) -> None:
        self.free += 1 << order


def open_tun(pages: Pages, entries: int = 8) -> tuple[Tun, UserRing, UserRing]:
    user = UserMemory()
    user.map(BASE, 1 << 20)
    tun = Tun(pages, user, entries)
    return tun, UserRing(tun.receive), UserRing(tun.transmit)


def supply(ring: UserRing, nr_bytes: int = 2048) -> None:
    while ring.add([Buffer(BASE + 4096 * ring.free_descriptors, nr_bytes, True)]) is not None:
        pass


def test_packets_come_in_byte_for_byte() -> None:
    tun, receive, _ = open_tun(Pages())
    supply(receive)
    tun.packet_arrives(b"hello")
    ((head, written),) = receive.collect()
    assert written == 5
    address = BASE + 4096 * (8 - head)
    assert tun.user.read(address, 5) == b"hello"


def test_packets_go_out_in_order_from_scattered_buffers() -> None:
    tun, _, transmit = open_tun(Pages())
    tun.user.write(BASE, b"abcdef")
    transmit.add([Buffer(BASE, 2, False), Buffer(BASE + 4, 2, False)])
    transmit.add([Buffer(BASE + 1, 3, False)])
    transmit.kick()
    assert tun.outbox == [b"abef", b"bcd"]
    assert len(transmit.collect()) == 2


def test_no_memory_on_the_way_in_drops_and_keeps_the_buffers() -> None:
    pages = Pages()
    tun, receive, _ = open_tun(pages)
    supply(receive)
    pages.free = 0
    assert not tun.packet_arrives(b"lost")
    assert receive.collect() == []
    assert (tun.counters.rx_no_memory, tun.receive.available) == (1, 8)


def test_no_memory_on_the_way_out_waits_and_then_sends() -> None:
    pages = Pages()
    tun, _, transmit = open_tun(pages)
    tun.user.write(BASE, b"patience")
    transmit.add([Buffer(BASE, 8, False)])
    free, pages.free = pages.free, 0
    transmit.kick()
    transmit.kick()
    assert (tun.counters.tx_waits, tun.outbox, tun.transmit.in_flight) == (2, [], 1)
    pages.free = free
    transmit.kick()
    assert tun.outbox == [b"patience"]
    assert transmit.collect() == [(0, 0)]
    assert transmit.free_descriptors == 8


@pytest.mark.parametrize(("nr_bytes", "order"), [(1500, 0), (4000, 1), (9000, 2), (16000, 2)])
def test_bigger_packets_ask_for_bigger_blocks(nr_bytes: int, order: int) -> None:
    pages = Pages()
    tun, _, _ = open_tun(pages)
    tun.packet_arrives(bytes(nr_bytes))
    assert pages.orders[-1] == order


def test_a_ring_that_finds_no_contiguous_block_is_halved() -> None:
    pages = Pages(largest_order=1)
    tun, _, _ = open_tun(pages, entries=256)
    assert tun.receive.layout.num == 128
    assert pages.orders[:2] == [2, 1]


def test_no_ring_at_all_is_an_error_and_gives_everything_back() -> None:
    pages = Pages(free=3)
    with pytest.raises(RingError, match="from 8 entries to 8"):
        open_tun(pages)
    assert pages.free == 3


def test_a_packet_too_big_for_the_buffer_is_dropped_and_the_buffer_returned() -> None:
    tun, receive, _ = open_tun(Pages())
    supply(receive, 100)
    tun.packet_arrives(bytes(101))
    ((_, written),) = receive.collect()
    assert (written, tun.counters.rx_too_big) == (0, 1)


def test_a_bad_chain_is_counted_and_handed_back() -> None:
    tun, _, transmit = open_tun(Pages())
    transmit.add([Buffer(BASE, 4, False)])
    transmit.write_descriptor(0, 0xDEAD, 4, DescriptorFlag(0), 0)
    transmit.kick()
    assert tun.counters.bad_chains == 1
    assert transmit.collect() == [(0, 0)]


def test_a_ring_index_gone_mad_does_not_hang_the_kernel() -> None:
    tun, _, transmit = open_tun(Pages())
    for _ in range(9):
        transmit.announce(0)
    transmit.kick()
    assert tun.counters.bad_chains == 1


def test_the_packet_queue_is_bounded() -> None:
    tun, _, _ = open_tun(Pages())
    accepted = sum(tun.packet_arrives(b"x") for _ in range(600))
    assert (accepted, tun.counters.rx_queue_full) == (500, 100)


def test_close_gives_every_page_back() -> None:
    pages = Pages()
    tun, _, _ = open_tun(pages)
    tun.packet_arrives(b"x")
    tun.close()
    assert pages.free == 1000

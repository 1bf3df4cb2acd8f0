"""The kernel side takes good chains, refuses bad ones by name, and respects atomic context."""

from __future__ import annotations

import pytest

from buddysim.kernel.context import Context
from buddysim.lesson.vring import (
    BadDescriptorError,
    Direction,
    RingError,
    RingLayout,
    UserMemory,
    UserRing,
    Vring,
    WouldSleepError,
)
from buddysim.lesson.vring.ring import Buffer, DescriptorFlag

BASE = 0x10000
NEXT, WRITE = DescriptorFlag.NEXT, DescriptorFlag.WRITE


def make(
    num: int = 8, direction: Direction = Direction.BOTH, *, pinned: bool = True
) -> tuple[Vring, UserRing]:
    layout = RingLayout(num)
    user = UserMemory()
    user.map(BASE, 4096)
    ring = Vring(layout, bytearray(layout.nr_bytes), user, direction, pinned)
    return ring, UserRing(ring)


def to_read(nr_bytes: int = 100, at: int = BASE) -> Buffer:
    return Buffer(at, nr_bytes, False)


def to_fill(nr_bytes: int = 100, at: int = BASE) -> Buffer:
    return Buffer(at, nr_bytes, True)


def refused(num: int = 8, direction: Direction = Direction.BOTH, **descriptors) -> str:
    """The error for a chain at descriptor 0 written raw: d0=(address, bytes, flags, next)."""
    ring, process = make(num, direction)
    for name, fields in descriptors.items():
        process.write_descriptor(int(name[1:]), *fields)
    process.announce(0)
    with pytest.raises(BadDescriptorError) as caught:
        ring.get_buffer()
    assert ring.available == 0, "the bad chain is consumed, not met again for ever"
    ring.used_buffer(caught.value.head, 0)
    assert ring.in_flight == 0
    return str(caught.value)


def test_a_chain_comes_out_as_it_went_in_and_its_length_comes_back() -> None:
    ring, process = make()
    buffers = (to_read(10), to_fill(20, BASE + 64), to_fill(30, BASE + 128))
    head = process.add(buffers)
    chain = ring.get_buffer()
    assert (chain.head, chain.buffers) == (head, buffers)
    assert (chain.readable_bytes, chain.writable_bytes) == (10, 50)
    ring.used_buffer(head, 42)
    assert process.collect() == [(head, 42)]
    assert process.free_descriptors == 8


def test_an_empty_ring_gives_nothing() -> None:
    ring, process = make()
    assert ring.get_buffer() is None
    assert process.collect() == []


def test_a_full_ring_takes_no_more() -> None:
    _, process = make()
    assert process.add([to_read()] * 7) is not None
    assert process.add([to_read()] * 2) is None
    assert process.add([]) is None
    assert process.free_descriptors == 1


def test_indexes_wrap_at_65536() -> None:
    ring, process = make(num=2)
    for _ in range(65_540):
        head = process.add([to_fill()])
        ring.used_buffer(ring.get_buffer().head, 1)
        assert process.collect() == [(head, 1)]


def test_a_loop_is_refused() -> None:
    message = refused(d0=(BASE, 1, NEXT, 1), d1=(BASE, 1, NEXT, 0))
    assert message == "chain at descriptor 0: more than 8 descriptors: it loops"


def test_a_next_out_of_range_is_refused() -> None:
    assert "goes on at 8, beyond 7" in refused(d0=(BASE, 1, NEXT, 8))


@pytest.mark.parametrize(
    ("direction", "flags", "word"),
    [(Direction.TO_KERNEL, WRITE, "filled"), (Direction.FROM_KERNEL, 0, "read")],
)
def test_the_wrong_direction_is_refused(direction: Direction, flags: int, word: str) -> None:
    message = refused(8, direction, d0=(BASE, 1, flags, 0))
    assert f"is to be {word} in a {direction} ring" in message


def test_a_buffer_to_read_after_one_to_fill_is_refused() -> None:
    assert "to be read, after" in refused(d0=(BASE, 1, NEXT | WRITE, 1), d1=(BASE, 1, 0, 0))


@pytest.mark.parametrize(
    ("address", "nr_bytes"), [(0, 1), (BASE + 4095, 2), (BASE - 1, 1), (BASE, 0), (2**64 - 1, 1)]
)
def test_an_address_that_is_not_the_users_is_refused(address: int, nr_bytes: int) -> None:
    assert "which are not the user's" in refused(d0=(address, nr_bytes, 0, 0))


def test_unknown_flags_are_refused() -> None:
    assert "unknown flags 0x4" in refused(d0=(BASE, 1, 4, 0))


def test_a_head_out_of_range_is_refused() -> None:
    ring, process = make()
    process.announce(8)
    with pytest.raises(BadDescriptorError, match="head 8 in a ring of 8"):
        ring.get_buffer()


def test_an_index_that_jumped_is_refused() -> None:
    ring, process = make()
    for _ in range(9):
        process.announce(0)
    with pytest.raises(BadDescriptorError, match="9 chains announced in a ring of 8"):
        ring.get_buffer()


def test_a_descriptor_still_in_flight_is_refused() -> None:
    ring, process = make()
    head = process.add([to_read()])
    ring.get_buffer()
    process.announce(head)
    with pytest.raises(BadDescriptorError, match="still in flight"):
        ring.get_buffer()


def test_handing_back_what_was_not_taken_or_too_much_is_refused() -> None:
    ring, process = make()
    head = process.add([to_fill(10)])
    with pytest.raises(RingError, match="not in flight"):
        ring.used_buffer(head, 0)
    ring.get_buffer()
    with pytest.raises(RingError, match="11 bytes written to a chain with room for 10"):
        ring.used_buffer(head, 11)


def test_a_pinned_ring_works_from_interrupts() -> None:
    ring, process = make()
    head = process.add([to_fill()])
    assert ring.get_buffer(Context.SOFTIRQ).head == head
    ring.used_buffer(head, 5, Context.HARDIRQ)
    assert process.collect() == [(head, 5)]


def test_an_unpinned_ring_refuses_and_defers_in_atomic_context() -> None:
    ring, process = make(pinned=False)
    head = process.add([to_fill()])
    with pytest.raises(WouldSleepError):
        ring.get_buffer(Context.SOFTIRQ)
    assert ring.get_buffer().head == head
    ring.used_buffer(head, 5, Context.SOFTIRQ)
    assert ring.memory[ring.layout.used_offset + 2] == 0, "not written from atomic context"
    assert process.collect() == [(head, 5)], "written when the process polls"


def test_push_and_pull_run_when_the_user_calls() -> None:
    ring, process = make()
    calls: list[str] = []
    ring.push = lambda: calls.append("push")
    ring.pull = lambda: calls.append("pull")
    process.kick()
    process.collect()
    assert calls == ["push", "pull"]


def test_poll_compares_with_what_the_user_has_seen() -> None:
    ring, process = make()
    ring.used_buffer(ring_take(ring, process), 0)
    assert ring.poll(0)
    assert not ring.poll(1)


def ring_take(ring: Vring, process: UserRing) -> int:
    process.add([to_fill()])
    return ring.get_buffer().head


def test_memory_smaller_than_the_ring_is_refused() -> None:
    with pytest.raises(RingError, match="the ring needs"):
        Vring(RingLayout(8), bytearray(100), UserMemory())


def test_user_memory_refuses_overlaps_and_strays() -> None:
    user = UserMemory()
    user.map(100, 50)
    for address, nr_bytes in [(149, 1), (90, 11), (100, 50), (0, 0)]:
        with pytest.raises(ValueError, match="bytes at"):
            user.map(address, nr_bytes)
    user.map(150, 10)
    assert not user.is_mapped(140, 20), "two ranges that touch are still two"
    with pytest.raises(ValueError, match="not mapped"):
        user.read(160, 1)

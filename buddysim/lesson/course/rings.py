"""Lesson 9: a ring of buffers shared with user space."""

from __future__ import annotations

from buddysim.kernel.gfp import parse_names
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.vring import MAX_ENTRIES, RingLayout, Tun, UserMemory, UserRing
from buddysim.lesson.vring.ring import Buffer
from buddysim.mm.machine import Machine, MachineSpec, Sysctl, build_machine

__all__ = ["LESSON"]

_TEXT = """\
Copying every packet through a system call is slow, so kernel and process share a ring: a table
of descriptors (address, length, flags, next), a ring of chains the process has made available,
and a ring of chains the kernel has used.  Each side only ever writes its own part.

The used ring starts a page and must fit in it, because the kernel pins that page and then may
write it from an interrupt, where a page fault could not be handled.  With 4 KiB pages that allows
256 entries.  The size is a power of two, since the 16-bit indexes wrap.

The kernel believes nothing: a chain that loops, leaves the table, points outside the process or
asks for the wrong direction is refused, and its head is handed back.

Rings and packets are pages.  A device ring must be contiguous, so a bigger ring asks for a bigger
order.  When a packet's pages cannot be had, a received packet is dropped and counted, and a packet
to send keeps its descriptor and waits.  Losing a descriptor would shrink the ring for ever."""

_BASE = 0x100000
_PACKETS = 200


def _machine() -> Machine:
    spec = MachineSpec.from_mem(16 << 20, profile="6.12", sysctl=Sysctl(min_free_kbytes=512))
    return build_machine(spec)


def _open(machine: Machine) -> tuple[Tun, UserRing, UserRing]:
    user = UserMemory()
    user.map(_BASE, 1 << 20)
    tun = Tun(machine, user, ring_entries=64)
    return tun, UserRing(tun.receive), UserRing(tun.transmit)


def _supply(ring: UserRing) -> None:
    while ring.add([Buffer(_BASE + 2048 * ring.free_descriptors, 2048, True)]) is not None:
        continue


def _exchange(tun: Tun, receive: UserRing, transmit: UserRing) -> None:
    """As many packets in as out, the process keeping up."""
    for number in range(_PACKETS):
        tun.packet_arrives(number.to_bytes(2, "big") * 500)
        transmit.add([Buffer(_BASE, 1000, False)])
        transmit.kick()
        receive.collect()
        transmit.collect()
        _supply(receive)


def _play() -> Observation:
    machine = _machine()
    tun, receive, transmit = _open(machine)
    _supply(receive)
    _exchange(tun, receive, transmit)
    good = (tun.counters.received, tun.counters.sent)
    held = _take_everything(machine)
    _exchange(tun, receive, transmit)
    bad = tun.counters.rx_no_memory
    for pfn in held:
        machine.free_pages(pfn, 0)
    transmit.kick()
    transmit.collect()
    numbers = {
        "received": good[0],
        "sent": good[1],
        "dropped": bad,
        "waits": tun.counters.tx_waits,
        "sent_after": tun.counters.sent - good[1],
        "transmit_free": transmit.free_descriptors,
        "receive_total": tun.receive.available + receive.free_descriptors,
        "entries": tun.receive.layout.num,
        "max_entries": MAX_ENTRIES,
    }
    return Observation(numbers, (_orders(),))


def _take_everything(machine: Machine) -> list[int]:
    """Order-0 pages down to the last: __GFP_MEMALLOC ignores the watermarks."""
    mask = parse_names("GFP_ATOMIC|__GFP_MEMALLOC|__GFP_NOWARN", "6.12")
    held: list[int] = []
    while (pfn := machine.alloc_pages(0, mask)) >= 0:
        held.append(pfn)
    return held


def _orders() -> Table:
    rows = []
    for power in range(3, 9):
        layout = RingLayout(1 << power)
        rows.append(
            (f"{layout.num}", f"{layout.nr_bytes:,}", f"{layout.nr_pages}", f"{layout.order}")
        )
    return Table("What a ring asks for", ("entries", "bytes", "pages", "order"), tuple(rows))


LESSON = Lesson(
    number=9,
    name="rings",
    title="Ring buffers shared with user space",
    text=_TEXT,
    play=_play,
    scenario="rings.trace",
    claims=(
        Claim(
            "With memory, all {received} packets in and {sent} out arrive.",
            lambda n: n["received"] == n["sent"] == _PACKETS,
        ),
        Claim(
            "Without memory {dropped} received packets are dropped and counted, and sending waits.",
            lambda n: n["dropped"] == _PACKETS and n["waits"] > 0,
        ),
        Claim(
            "When memory is back, {sent_after} waiting packets go out and all {transmit_free} "
            "descriptors are free again: none was lost.",
            lambda n: n["sent_after"] == n["entries"] == n["transmit_free"] == n["receive_total"],
        ),
        Claim(
            "No ring has more than {max_entries} entries.",
            lambda n: n["max_entries"] == 256,
        ),
    ),
    exercises=(
        Exercise(
            "How many entries could a ring have with 64 KiB pages?",
            "(65536 - 4) / 8, rounded down to a power of two: 4,096.",
        ),
        Exercise(
            "Why does the kernel read a descriptor once and never again?",
            "The process can change it between the check and the use.",
        ),
        Exercise(
            "Which order does a ring of 256 ask for, and what can a driver do when it fails?",
            "Order 2.  Ask for half the entries, as the tun-like device here does.",
        ),
    ),
)

"""The kernel side of a ring: takes chains, checks every field, reports them used."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum

from buddysim.errors import BuddysimError
from buddysim.kernel.context import ATOMIC_CONTEXTS, Context
from buddysim.lesson.vring.layout import (
    AVAIL_ENTRY_BYTES,
    DESCRIPTOR_BYTES,
    HEADER_BYTES,
    USED_ENTRY_BYTES,
    RingLayout,
)
from buddysim.lesson.vring.memory import UserMemory

__all__ = [
    "AVAIL_HEAD",
    "DESCRIPTOR",
    "INDEX",
    "USED_ENTRY",
    "BadDescriptorError",
    "Buffer",
    "Chain",
    "DescriptorFlag",
    "Direction",
    "RingError",
    "Vring",
    "WouldSleepError",
]

DESCRIPTOR = struct.Struct("<QIHH")
INDEX = struct.Struct("<H")
AVAIL_HEAD = struct.Struct("<H")
USED_ENTRY = struct.Struct("<II")
_INDEX_MASK = 0xFFFF
_UNKNOWN_FLAGS = 0xFFFC


class DescriptorFlag(IntFlag):
    """NEXT: the chain goes on at ``next``.  WRITE: the kernel fills this buffer."""

    NEXT = 1
    WRITE = 2


class Direction(StrEnum):
    """What the kernel side may do with the buffers of a ring."""

    TO_KERNEL = "to-kernel"
    FROM_KERNEL = "from-kernel"
    BOTH = "both"


_FORBIDDEN = {True: Direction.TO_KERNEL, False: Direction.FROM_KERNEL}
"""Which ring must not hold a buffer, by whether the buffer is to be filled."""


class RingError(BuddysimError):
    """The ring was used wrongly by the kernel side, or holds nonsense."""


class BadDescriptorError(RingError):
    """What the user wrote cannot be obeyed.  ``head`` is -1 when not even that is usable."""

    def __init__(self, head: int, problem: str) -> None:
        self.head = head
        super().__init__(f"chain at descriptor {head}: {problem}" if head >= 0 else problem)


class WouldSleepError(RingError):
    """The ring's pages are not pinned, so touching them may fault, and this context cannot wait."""


@dataclass(frozen=True)
class Buffer:
    """A checked range of user memory, in bytes."""

    address: int
    nr_bytes: int
    is_writable: bool


@dataclass(frozen=True)
class Chain:
    """The buffers behind one head, those to read before those to fill."""

    head: int
    buffers: tuple[Buffer, ...]

    @property
    def readable_bytes(self) -> int:
        """Bytes the user sends."""
        return sum(buffer.nr_bytes for buffer in self.buffers if not buffer.is_writable)

    @property
    def writable_bytes(self) -> int:
        """Room for what the kernel returns."""
        return sum(buffer.nr_bytes for buffer in self.buffers if buffer.is_writable)


def _nothing() -> None:
    return None


@dataclass
class Vring:
    """One ring.  ``memory`` is shared with the user side and never trusted.

    ``pinned`` rings may be used in atomic context.  On others, ``get_buffer`` there is an error,
    and ``used_buffer`` is noted and written by the next call from process context.
    ``push`` runs when the user says that new buffers are available, ``pull`` before it is told
    whether used ones are.
    """

    layout: RingLayout
    memory: bytearray
    user: UserMemory
    direction: Direction = Direction.BOTH
    pinned: bool = True
    push: Callable[[], None] = _nothing
    pull: Callable[[], None] = _nothing
    _last_avail: int = 0
    _used_index: int = 0
    _in_flight: dict[int, Chain] = field(default_factory=dict)
    _deferred: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.memory) < self.layout.nr_bytes:
            raise RingError(f"{len(self.memory)} bytes; the ring needs {self.layout.nr_bytes}")

    @property
    def in_flight(self) -> int:
        """Chains taken and not yet reported used."""
        return len(self._in_flight)

    @property
    def available(self) -> int:
        """Chains announced and not yet taken, as the user claims; at most 65,535."""
        return (self._read_index(self.layout.avail_offset) - self._last_avail) & _INDEX_MASK

    def get_buffer(self, context: Context = Context.PROCESS) -> Chain | None:
        """The next available chain, or None.  O(chain length).

        A bad chain is consumed and raises BadDescriptorError; its head, when usable, may be given
        back with ``used_buffer(head, 0)``.  Raises WouldSleepError in atomic context when the ring
        is not pinned.
        """
        if self._may_fault(context):
            raise WouldSleepError("get_buffer in atomic context on a ring that is not pinned")
        waiting = self.available
        if waiting == 0:
            return None
        if waiting > self.layout.num:
            raise BadDescriptorError(
                -1, f"{waiting} chains announced in a ring of {self.layout.num} entries"
            )
        slot = self._last_avail % self.layout.num
        offset = self.layout.avail_offset + HEADER_BYTES + slot * AVAIL_ENTRY_BYTES
        (head,) = AVAIL_HEAD.unpack_from(self.memory, offset)
        self._last_avail = (self._last_avail + 1) & _INDEX_MASK
        return self._take(head)

    def used_buffer(self, head: int, written: int, context: Context = Context.PROCESS) -> None:
        """Hand a chain back with ``written`` bytes filled in.  O(1).

        Raises RingError for a chain that was not taken, or more bytes than it has room for.
        """
        chain = self._in_flight.get(head)
        if chain is None:
            raise RingError(f"descriptor {head} handed back, but it is not in flight")
        if not 0 <= written <= chain.writable_bytes:
            raise RingError(
                f"{written} bytes written to a chain with room for {chain.writable_bytes}"
            )
        del self._in_flight[head]
        if self._may_fault(context):
            self._deferred.append((head, written))
            return
        self.flush()
        self._report(head, written)

    def flush(self) -> None:
        """Write what atomic context left behind.  Process context only."""
        for head, written in self._deferred:
            self._report(head, written)
        self._deferred.clear()

    def notify(self) -> None:
        """The user's write(): new buffers are available."""
        self.flush()
        self.push()

    def poll(self, last_used: int) -> bool:
        """The user's poll(): is there a used entry beyond ``last_used`` (16 bits)?"""
        self.flush()
        self.pull()
        return self._used_index != last_used & _INDEX_MASK

    def _may_fault(self, context: Context) -> bool:
        return not self.pinned and bool(context & ATOMIC_CONTEXTS)

    def _read_index(self, ring_offset: int) -> int:
        (index,) = INDEX.unpack_from(self.memory, ring_offset + 2)
        return int(index)

    def _take(self, head: int) -> Chain:
        if head >= self.layout.num:
            raise BadDescriptorError(-1, f"head {head} in a ring of {self.layout.num} entries")
        if head in self._in_flight:
            raise BadDescriptorError(-1, f"descriptor {head} announced while still in flight")
        self._in_flight[head] = Chain(head, ())
        chain = Chain(head, tuple(self._walk(head)))
        self._in_flight[head] = chain
        return chain

    def _walk(self, head: int) -> list[Buffer]:
        buffers: list[Buffer] = []
        at = head
        for _ in range(self.layout.num):
            address, nr_bytes, flags, following = DESCRIPTOR.unpack_from(
                self.memory, at * DESCRIPTOR_BYTES
            )
            buffer = Buffer(address, nr_bytes, bool(flags & DescriptorFlag.WRITE))
            problem = self._problem(buffer, flags, following, buffers)
            if problem:
                raise BadDescriptorError(head, f"descriptor {at} {problem}")
            buffers.append(buffer)
            if not flags & DescriptorFlag.NEXT:
                return buffers
            at = following
        raise BadDescriptorError(head, f"more than {self.layout.num} descriptors: it loops")

    def _problem(self, buffer: Buffer, flags: int, following: int, before: list[Buffer]) -> str:
        """What is wrong with one descriptor, or nothing."""
        verb = "filled" if buffer.is_writable else "read"
        if flags & _UNKNOWN_FLAGS:
            return f"has unknown flags {flags & _UNKNOWN_FLAGS:#x}"
        if not buffer.is_writable and before and before[-1].is_writable:
            return "is to be read, after one to be filled"
        if self.direction is _FORBIDDEN[buffer.is_writable]:
            return f"is to be {verb} in a {self.direction} ring"
        if not buffer.nr_bytes or not self.user.is_mapped(buffer.address, buffer.nr_bytes):
            return f"is {buffer.nr_bytes} bytes at {buffer.address:#x}, which are not the user's"
        if flags & DescriptorFlag.NEXT and following >= self.layout.num:
            return f"goes on at {following}, beyond {self.layout.num - 1}"
        return ""

    def _report(self, head: int, written: int) -> None:
        base = self.layout.used_offset
        slot = self._used_index % self.layout.num
        offset = base + HEADER_BYTES + slot * USED_ENTRY_BYTES
        USED_ENTRY.pack_into(self.memory, offset, head, written)
        self._used_index = (self._used_index + 1) & _INDEX_MASK
        INDEX.pack_into(self.memory, base + 2, self._used_index)

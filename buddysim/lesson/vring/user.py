"""The user side of a ring: announces chains, collects used ones, keeps the free descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from buddysim.lesson.vring.layout import (
    AVAIL_ENTRY_BYTES,
    DESCRIPTOR_BYTES,
    HEADER_BYTES,
    USED_ENTRY_BYTES,
)
from buddysim.lesson.vring.ring import (
    AVAIL_HEAD,
    DESCRIPTOR,
    INDEX,
    USED_ENTRY,
    Buffer,
    DescriptorFlag,
    Vring,
)

__all__ = ["UserRing"]

_INDEX_MASK = 0xFFFF


@dataclass
class UserRing:
    """Works on ``ring``'s memory as a process would, and reaches the kernel by notify and poll."""

    ring: Vring
    last_used: int = 0
    _avail_index: int = 0
    _free: list[int] = field(default_factory=list)
    _chains: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free = list(range(self.ring.layout.num - 1, -1, -1))

    @property
    def free_descriptors(self) -> int:
        """Descriptors in no chain."""
        return len(self._free)

    def add(self, buffers: Sequence[Buffer]) -> int | None:
        """Announce one chain, buffers to read first; its head, or None when too few are free."""
        if not buffers or len(buffers) > len(self._free):
            return None
        numbers = [self._free.pop() for _ in buffers]
        for place, (number, buffer) in enumerate(zip(numbers, buffers, strict=True)):
            is_last = place == len(buffers) - 1
            flags = DescriptorFlag.WRITE if buffer.is_writable else DescriptorFlag(0)
            flags |= DescriptorFlag(0) if is_last else DescriptorFlag.NEXT
            following = 0 if is_last else numbers[place + 1]
            self.write_descriptor(number, buffer.address, buffer.nr_bytes, flags, following)
        self._chains[numbers[0]] = numbers
        self.announce(numbers[0])
        return numbers[0]

    def write_descriptor(
        self, number: int, address: int, nr_bytes: int, flags: int, following: int
    ) -> None:
        """Write one descriptor as it stands, sense or nonsense."""
        offset = number * DESCRIPTOR_BYTES
        DESCRIPTOR.pack_into(self.ring.memory, offset, address, nr_bytes, flags, following)

    def announce(self, head: int) -> None:
        """Put a head into the available ring, then move its index: in this order."""
        layout = self.ring.layout
        slot = self._avail_index % layout.num
        offset = layout.avail_offset + HEADER_BYTES + slot * AVAIL_ENTRY_BYTES
        AVAIL_HEAD.pack_into(self.ring.memory, offset, head)
        self._avail_index = (self._avail_index + 1) & _INDEX_MASK
        INDEX.pack_into(self.ring.memory, layout.avail_offset + 2, self._avail_index)

    def kick(self) -> None:
        """Tell the kernel that buffers are available."""
        self.ring.notify()

    def collect(self) -> list[tuple[int, int]]:
        """Used chains since the last call, as (head, bytes written); their descriptors are free."""
        done: list[tuple[int, int]] = []
        if not self.ring.poll(self.last_used):
            return done
        layout, memory = self.ring.layout, self.ring.memory
        (index,) = INDEX.unpack_from(memory, layout.used_offset + 2)
        while self.last_used != index:
            slot = self.last_used % layout.num
            offset = layout.used_offset + HEADER_BYTES + slot * USED_ENTRY_BYTES
            head, written = USED_ENTRY.unpack_from(memory, offset)
            self._free.extend(self._chains.pop(head, ()))
            self.last_used = (self.last_used + 1) & _INDEX_MASK
            done.append((head, written))
        return done

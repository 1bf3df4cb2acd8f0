"""The run digest: equal digests mean equal outcomes of every event and equal final machines."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

try:
    from _blake2 import blake2b  # hashlib's own; hashlib loads OpenSSL first, whoever asks
except ImportError:
    from hashlib import blake2b

if TYPE_CHECKING:
    from buddysim.mm.machine import Machine
    from buddysim.replay.loop import ResultColumn

__all__ = ["RunDigest", "blake2b"]

_BYTES = 16


class RunDigest:
    """Fed with outcome columns as they come; how they are cut does not matter."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_BYTES)

    def take(self, results: ResultColumn) -> None:
        """Add a column of outcomes and empty it."""
        outcomes = results.drain()
        if sys.byteorder == "big":
            swapped = array("q", outcomes)
            swapped.byteswap()
            outcomes = memoryview(swapped)
        self._hash.update(outcomes)

    def finish(self, machine: Machine) -> str:
        """Add the machine's free lists, marks and counters; 32 hex digits.  O(free blocks)."""
        for zone in machine.zones:
            words = [zone.name, zone.node, zone.free, zone.boost, zone.nr_reserved_highatomic]
            words += [*zone.nr_free, *zone.pcp_count]
            self._hash.update(repr([str(word) for word in words]).encode())
        self._hash.update(repr(machine.vmstat.as_dict()).encode())
        return self._hash.hexdigest()

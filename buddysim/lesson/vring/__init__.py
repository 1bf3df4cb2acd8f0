"""A ring of buffers shared between a kernel and its user space.

The user side fills a table of *descriptors* and announces chains of them in the *available* ring;
the kernel side takes them, moves data, and reports them in the *used* ring.  Neither side waits
for the other, and the kernel side believes nothing that it reads.
"""

from buddysim.lesson.vring.layout import MAX_ENTRIES, RingLayout
from buddysim.lesson.vring.memory import UserMemory
from buddysim.lesson.vring.ring import (
    BadDescriptorError,
    Chain,
    Direction,
    RingError,
    Vring,
    WouldSleepError,
)
from buddysim.lesson.vring.tun import Tun, TunCounters
from buddysim.lesson.vring.user import UserRing

__all__ = [
    "MAX_ENTRIES",
    "BadDescriptorError",
    "Chain",
    "Direction",
    "RingError",
    "RingLayout",
    "Tun",
    "TunCounters",
    "UserMemory",
    "UserRing",
    "Vring",
    "WouldSleepError",
]

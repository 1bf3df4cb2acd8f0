"""SYN cookies: a connection request remembered in the sequence number it is answered with.

The server keeps nothing.  It answers a SYN with an initial sequence number (ISN) that only it
could have chosen, and when the client's ACK brings that number back, plus one, the request is
rebuilt from it.  Fact sheet 14.4:

    isn = hash1(flow, secret0) + client_isn + (minutes << 24)
        + ((hash2(flow, minutes, secret1) + mss_index) mod 2^24)          (all mod 2^32)

Two layouts are told about this scheme.  The *textbook* gives 5 bits to time, 3 bits to the MSS
index and 24 bits to the hash.  *Linux* gives 8 bits to the time counter and adds the index into
24 bits that also carry the hash; only the counter's difference to the present is ever read.
Eight table entries still mean three bits: a 24-bit value passes only when it decodes to one of
eight numbers.  This module speaks the Linux layout.

The kernel hashed with the SHA transform in 2.6.25 and with SipHash now; keyed BLAKE2s stands in
for both here, because the standard library has it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import blake2s
from ipaddress import IPv4Address, IPv6Address

__all__ = [
    "COOKIE_ERAS",
    "MSS_TABLE_IPV6",
    "CookieEra",
    "Flow",
    "SynCookie",
]

_COUNTER_SHIFT = 24
_LOW_MASK = (1 << _COUNTER_SHIFT) - 1
_COUNTER_MASK = 0xFF
_SEQ_MASK = 0xFFFF_FFFF

MSS_TABLE_IPV6 = (1220, 1420, 1440, 8940)
"""Bytes; what an IPv6 path of at least 1280 bytes can carry after 60 bytes of headers."""


@dataclass(frozen=True)
class CookieEra:
    """How one kernel makes cookies (fact sheet 14.4)."""

    mss_table: tuple[int, ...]
    """Bytes, ascending.  Sizes between two entries come back as the smaller one."""
    mss_table_ipv6: tuple[int, ...]
    max_age_ticks: int
    """A cookie is accepted while fewer than this many counter ticks have passed."""
    overflow_window_s: float
    """ACKs are checked as cookies only this long after the SYN queue last overflowed."""
    tick_s: int = 60


_MSS_2_6_25 = (64, 256, 512, 536, 1024, 1440, 1460, 4312)

COOKIE_ERAS: dict[str, CookieEra] = {
    # The kernel's array holds each entry minus one, since it searches with "greater than".
    "2.6.25": CookieEra(_MSS_2_6_25, _MSS_2_6_25, max_age_ticks=4, overflow_window_s=3.0),
    "6.12": CookieEra(
        (536, 1300, 1440, 1460), MSS_TABLE_IPV6, max_age_ticks=2, overflow_window_s=120.0
    ),
}


@dataclass(frozen=True, slots=True)
class Flow:
    """The four values both ends agree on.  Addresses are both IPv4 or both IPv6; ports 0..65535."""

    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    source_port: int
    destination_port: int

    def __post_init__(self) -> None:
        if self.source.version != self.destination.version:
            raise ValueError(f"{self.source} and {self.destination} are of different families")
        for port in (self.source_port, self.destination_port):
            if not 0 <= port <= 0xFFFF:
                raise ValueError(f"port {port} is outside 0..65535")

    def packed(self) -> bytes:
        """Network byte order: 12 bytes for IPv4, 36 for IPv6, so the families never collide."""
        ports = self.source_port << 16 | self.destination_port
        return self.source.packed + self.destination.packed + ports.to_bytes(4, "big")


class SynCookie:
    """Makes and checks the cookies of one server.

    ``secret`` is at least 16 bytes and stays on the server; the two hashes use separate keys
    derived from it, so knowing one tells nothing about the other.  Raises ValueError when it is
    shorter.
    """

    def __init__(self, secret: bytes, era: str = "2.6.25") -> None:
        if len(secret) < 16:
            raise ValueError(f"secret of {len(secret)} bytes; at least 16 are needed")
        self.era = COOKIE_ERAS[era]
        self._secrets = tuple(blake2s(secret, person=name).digest() for name in (b"0", b"1"))

    def mss_table(self, flow: Flow) -> tuple[int, ...]:
        """The table that applies to the flow's address family."""
        return self.era.mss_table if flow.source.version == 4 else self.era.mss_table_ipv6

    def encode(self, flow: Flow, client_isn: int, mss: int, now_s: float) -> int:
        """The ISN (32 bits) of the SYN-ACK for a SYN that offered ``mss`` bytes.

        An MSS below the table's first entry is answered with that entry, as the kernel does.
        """
        index = max(bisect_right(self.mss_table(flow), mss) - 1, 0)
        count = self._count(now_s)
        packed = flow.packed()
        low = (self._hash(1, packed, count) + index) & _LOW_MASK
        high = (count & _COUNTER_MASK) << _COUNTER_SHIFT
        return (self._hash(0, packed, 0) + client_isn + high + low) & _SEQ_MASK

    def decode(self, flow: Flow, client_isn: int, cookie: int, now_s: float) -> int | None:
        """The MSS in bytes that ``cookie`` (the ACK number minus one) stands for.

        None when it is older than the era accepts, or was not made here for this flow.
        """
        packed = flow.packed()
        bare = (cookie - self._hash(0, packed, 0) - client_isn) & _SEQ_MASK
        count = self._count(now_s)
        age = (count - (bare >> _COUNTER_SHIFT)) & _COUNTER_MASK
        if age >= self.era.max_age_ticks:
            return None
        index = (bare - self._hash(1, packed, count - age)) & _LOW_MASK
        table = self.mss_table(flow)
        return table[index] if index < len(table) else None

    def guess_probability(self) -> float:
        """Chance that one random 32-bit number passes: ticks/2^8 * entries/2^24."""
        return self.era.max_age_ticks / 2**8 * len(self.era.mss_table) / 2**24

    def _count(self, now_s: float) -> int:
        return int(now_s // self.era.tick_s)

    def _hash(self, which: int, packed: bytes, count: int) -> int:
        data = packed + (count & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
        digest = blake2s(data, digest_size=4, key=self._secrets[which]).digest()
        return int.from_bytes(digest, "big")

"""Named random streams split from one seed: the same numbers on every build and machine."""

from __future__ import annotations

from buddysim.replay.digest import blake2b

__all__ = ["Stream", "derive_seed"]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def derive_seed(seed: int, name: str) -> int:
    """A 64-bit seed for the stream ``name`` of a run with ``seed`` (any integer)."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


class Stream:
    """SplitMix64 (Steele, Lea, Flood 2014): small, fast, and equal wherever it runs.

    Two streams with different names are independent: using more of one never shifts the other.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int, name: str) -> None:
        self._state = derive_seed(seed, name)

    def next_u64(self) -> int:
        """The next number, 0..2^64-1."""
        self._state = (self._state + _GOLDEN) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """A number in 0..bound-1, ``bound`` >= 1.  The bias is below bound / 2^64."""
        return (self.next_u64() * bound) >> 64

    def split(self, name: str) -> Stream:
        """A new stream that depends on this one's state and on ``name``; this one is unchanged."""
        return Stream(self._state, name)

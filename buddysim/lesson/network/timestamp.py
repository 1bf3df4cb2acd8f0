"""TCP options carried in the low bits of the SYN-ACK's timestamp (fact sheet 14.4).

A cookie has room for the MSS alone.  A client that offers timestamps echoes ours, so its lowest
bits can carry the rest: the window scales and SACK.  The price is a clock that moves in steps of
512 (then) or 64 (now) ticks.

The classic capture shows a timestamp ending in 0x166: scale 6 both ways, and SACK.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LAYOUTS", "TcpOptions", "TimestampLayout", "WindowScale"]

_TS_MASK = 0xFFFF_FFFF
_NOT_OFFERED = 0xF
_MAX_SCALE = 14  # RFC 7323: a larger shift is read as 14


@dataclass(frozen=True)
class WindowScale:
    """Shifts of the two windows, 0..14: ``send`` is the peer's, ``receive`` is ours."""

    send: int
    receive: int

    def __post_init__(self) -> None:
        for shift in (self.send, self.receive):
            if not 0 <= shift <= _MAX_SCALE:
                raise ValueError(f"window scale {shift} is outside 0..{_MAX_SCALE}")


@dataclass(frozen=True)
class TcpOptions:
    """What a SYN may offer beside the MSS.  ``scale`` None: window scaling was not offered."""

    scale: WindowScale | None = None
    sack: bool = False
    ecn: bool = False


@dataclass(frozen=True)
class TimestampLayout:
    """Which low bits mean what.  ``era`` is ``2.6.26`` (9 bits) or ``6.12`` (6 bits)."""

    era: str
    nr_bits: int

    @property
    def lost_ticks(self) -> int:
        """Ticks of the clock that the options cost: 512 or 64."""
        return 1 << self.nr_bits

    def stamp(self, options: TcpOptions, now: int) -> int:
        """The timestamp (32 bits) to send at clock ``now``: never ahead of it, options inside.

        When the options would push the value past ``now``, one unit is taken off, so that the
        clock the peer sees never runs ahead of ours (modulo 2^32, as all timestamps).
        """
        value = now & ~(self.lost_ticks - 1) | self.pack(options)
        if value > now:
            value -= self.lost_ticks
        return value & _TS_MASK

    def pack(self, options: TcpOptions) -> int:
        """The options as a number below ``lost_ticks``.

        The 9-bit layout has no code for "not offered": it sends shift 0 both ways, which gives
        the same windows.  It has no ECN.  The 6-bit layout drops our own shift, which the
        server knows anyway, and has a code for "not offered".
        """
        if self.nr_bits == 9:
            scale = options.scale or WindowScale(0, 0)
            return scale.send | scale.receive << 4 | options.sack << 8
        shift = options.scale.send if options.scale else _NOT_OFFERED
        return shift | options.sack << 4 | options.ecn << 5

    def unpack(self, echoed: int, own_scale: int = 0) -> TcpOptions | None:
        """Options from a timestamp the client echoed; None when no SYN-ACK of ours carried them.

        ``own_scale`` is the shift the server would choose, for the layout that does not carry it.
        """
        bits = echoed & (self.lost_ticks - 1)
        if self.nr_bits == 9:
            send, receive = bits & 0xF, bits >> 4 & 0xF
            if max(send, receive) > _MAX_SCALE:
                return None
            offered = send or receive
            scale = WindowScale(send, receive) if offered else None
            return TcpOptions(scale, sack=bool(bits >> 8))
        return _unpack_modern(bits, own_scale)


def _unpack_modern(bits: int, own_scale: int) -> TcpOptions:
    shift = bits & 0xF
    if shift == _NOT_OFFERED:
        scale = None
    else:
        scale = WindowScale(min(shift, _MAX_SCALE), own_scale)
    return TcpOptions(scale, sack=bool(bits >> 4 & 1), ecn=bool(bits >> 5 & 1))


LAYOUTS: dict[str, TimestampLayout] = {
    "2.6.26": TimestampLayout("2.6.26", 9),
    "6.12": TimestampLayout("6.12", 6),
}
"""Keyed by the first kernel of this sheet that has the layout."""

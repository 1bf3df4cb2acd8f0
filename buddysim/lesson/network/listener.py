"""A listening TCP socket: half-open requests, full sockets, and what happens when memory is short.

A SYN costs the server a small *request sock*; the big socket is postponed to the final ACK, when
the peer has shown that it exists (fact sheet 14.3).  Cookies replace the request sock, but only
while the SYN queue is full: a cookie forgets what the client offered.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

from buddysim.lesson.network.slab import Slab, SlabCache
from buddysim.lesson.network.syncookie import Flow, SynCookie
from buddysim.lesson.network.timestamp import LAYOUTS, TcpOptions, TimestampLayout

__all__ = ["Ack", "Connection", "CookieMode", "Listener", "ListenerCounters", "Syn", "SynAck"]

_TICKS_PER_SECOND = 1000
_SYN_ACK_TIMEOUT_S = 3.0
_RETRIES_CALM = 5
_RETRIES_PRESSED = 2


class CookieMode(StrEnum):
    """What the server does when the SYN queue is full."""

    OFF = "no cookies"
    COOKIES = "cookies"
    TIMESTAMPS = "cookies + timestamps"


@dataclass(frozen=True, slots=True)
class Syn:
    """A connection request as received.  ``timestamps``: the client offered the option."""

    flow: Flow
    isn: int
    mss: int = 1460
    options: TcpOptions = TcpOptions()  # noqa: RUF009 - frozen, so sharing it is safe
    timestamps: bool = True


@dataclass(frozen=True, slots=True)
class SynAck:
    """The answer.  ``timestamp`` is None when the client did not offer the option."""

    flow: Flow
    isn: int
    timestamp: int | None
    is_cookie: bool


@dataclass(frozen=True, slots=True)
class Ack:
    """The third packet: ``isn`` is the client's, ``ack`` ours plus one, ``echo`` our timestamp."""

    flow: Flow
    isn: int
    ack: int
    echo: int | None = None


@dataclass(eq=False, slots=True)
class Connection:
    """An established connection with the options both ends use."""

    flow: Flow
    mss: int
    options: TcpOptions
    from_cookie: bool
    slab: Slab


@dataclass(slots=True)
class _Request:
    syn: Syn
    isn: int
    born_s: float
    slab: Slab


@dataclass
class ListenerCounters:
    """Plain counts since the listener was opened; names after the kernel's where it has one."""

    syns: int = 0
    requests_dropped: int = 0
    """SYNs not answered because the queue was full and cookies were off."""
    requests_no_memory: int = 0
    """SYNs not answered because no request sock could be allocated."""
    requests_expired: int = 0
    cookies_sent: int = 0
    cookies_received: int = 0
    cookies_failed: int = 0
    """ACKs that were neither in the queue nor a valid cookie."""
    accepted: int = 0
    accept_no_memory: int = 0
    """Final ACKs dropped because no socket could be allocated."""
    peak_queue: int = 0


@dataclass
class Listener:
    """One listening socket on one CPU.  Times are seconds from the start and never run backwards.

    ``max_syn_backlog`` bounds the half-open requests.  One is forgotten when the SYN-ACK went
    unanswered after five retries (189 s), or after two (21 s) while the queue is more than half
    full; the kernel lowers the number step by step, this model in one.
    """

    mode: CookieMode
    cookie: SynCookie
    requests: SlabCache
    sockets: SlabCache
    max_syn_backlog: int = 1024
    layout: TimestampLayout = field(default_factory=lambda: LAYOUTS["2.6.26"])
    counters: ListenerCounters = field(default_factory=ListenerCounters)
    _queue: OrderedDict[Flow, _Request] = field(default_factory=OrderedDict)
    _overflow_s: float = float("-inf")
    _next_isn: int = 0x1000

    def __post_init__(self) -> None:
        if self.max_syn_backlog < 8:
            raise ValueError(f"max_syn_backlog {self.max_syn_backlog}; the kernel's least is 8")

    @property
    def queue_length(self) -> int:
        """Half-open requests held now."""
        return len(self._queue)

    def syn(self, syn: Syn, now_s: float) -> SynAck | None:
        """Answer a connection request; None when it is dropped.  O(1) amortised."""
        self.counters.syns += 1
        self._expire(now_s)
        known = self._queue.get(syn.flow)
        if known is not None:
            return self._answer(known.syn, known.isn, now_s, is_cookie=False)
        if len(self._queue) >= self.max_syn_backlog:
            self._overflow_s = now_s
            return self._answer_full(syn, now_s)
        slab = self.requests.alloc()
        if slab is None:
            self.counters.requests_no_memory += 1
            return None
        self._next_isn = self._next_isn * 69069 + 1 & 0xFFFF_FFFF
        self._queue[syn.flow] = _Request(syn, self._next_isn, now_s, slab)
        self.counters.peak_queue = max(self.counters.peak_queue, len(self._queue))
        return self._answer(syn, self._next_isn, now_s, is_cookie=False)

    def ack(self, ack: Ack, now_s: float) -> Connection | None:
        """Finish a handshake; None when the ACK is refused or there is no memory for a socket.

        A request whose socket could not be allocated stays queued: the client's next segment
        tries again.  A cookie has nothing to keep, and can be tried again until it is too old.
        """
        request = self._queue.get(ack.flow)
        if request is not None:
            return self._promote(request, ack)
        rebuilt = self._rebuild(ack, now_s)
        if rebuilt is None:
            self.counters.cookies_failed += 1
            return None
        self.counters.cookies_received += 1
        mss, options = rebuilt
        return self._accept(ack.flow, mss, options, from_cookie=True)

    def close(self, connection: Connection) -> None:
        """Free the socket of an established connection."""
        self.sockets.free(connection.slab)

    def shutdown(self) -> None:
        """Free every half-open request."""
        for request in self._queue.values():
            self.requests.free(request.slab)
        self._queue.clear()

    def _answer_full(self, syn: Syn, now_s: float) -> SynAck | None:
        if self.mode is CookieMode.OFF:
            self.counters.requests_dropped += 1
            return None
        self.counters.cookies_sent += 1
        isn = self.cookie.encode(syn.flow, syn.isn, syn.mss, now_s)
        return self._answer(syn, isn, now_s, is_cookie=True)

    def _answer(self, syn: Syn, isn: int, now_s: float, *, is_cookie: bool) -> SynAck:
        stamp = None
        if syn.timestamps and not is_cookie:
            stamp = self._clock(now_s)
        elif syn.timestamps and self.mode is CookieMode.TIMESTAMPS:
            stamp = self.layout.stamp(syn.options, self._clock(now_s))
        return SynAck(syn.flow, isn, stamp, is_cookie)

    def _promote(self, request: _Request, ack: Ack) -> Connection | None:
        if ack.ack != (request.isn + 1) & 0xFFFF_FFFF:
            self.counters.cookies_failed += 1
            return None
        syn = request.syn
        connection = self._accept(syn.flow, syn.mss, syn.options, from_cookie=False)
        if connection is not None:
            del self._queue[syn.flow]
            self.requests.free(request.slab)
        return connection

    def _rebuild(self, ack: Ack, now_s: float) -> tuple[int, TcpOptions] | None:
        if self.mode is CookieMode.OFF:
            return None
        if now_s - self._overflow_s > self.cookie.era.overflow_window_s:
            return None
        mss = self.cookie.decode(ack.flow, ack.isn, (ack.ack - 1) & 0xFFFF_FFFF, now_s)
        if mss is None:
            return None
        if self.mode is not CookieMode.TIMESTAMPS or ack.echo is None:
            return mss, TcpOptions()
        options = self.layout.unpack(ack.echo)
        return None if options is None else (mss, options)

    def _accept(
        self, flow: Flow, mss: int, options: TcpOptions, *, from_cookie: bool
    ) -> Connection | None:
        slab = self.sockets.alloc()
        if slab is None:
            self.counters.accept_no_memory += 1
            return None
        self.counters.accepted += 1
        return Connection(flow, mss, options, from_cookie, slab)

    def _expire(self, now_s: float) -> None:
        pressed = len(self._queue) > self.max_syn_backlog // 2
        retries = _RETRIES_PRESSED if pressed else _RETRIES_CALM
        lifetime = _SYN_ACK_TIMEOUT_S * (2 ** (retries + 1) - 1)
        while self._queue:
            flow, oldest = next(iter(self._queue.items()))
            if now_s - oldest.born_s < lifetime:
                return
            del self._queue[flow]
            self.requests.free(oldest.slab)
            self.counters.requests_expired += 1

    @staticmethod
    def _clock(now_s: float) -> int:
        return int(now_s * _TICKS_PER_SECOND) + 0x10000 & 0xFFFF_FFFF

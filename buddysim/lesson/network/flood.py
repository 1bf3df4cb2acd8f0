"""A SYN flood against one listener, with and without cookies (fact sheet 14.3-14.4).

Clients connect at a steady rate while an attacker sends SYNs from addresses that never answer.
Packets queue for one CPU; request socks and sockets take pages from the machine they are given.

Two published measurements set the directions to reproduce.  At 8,000 SYN/s of noise one site saw
a mean response of about 1.5 s at 60 % CPU without cookies, and 12-15 ms at 70 % with them.
Another served 750 requests/s unattacked, 725 with cookies under attack, and none without.

Not modelled: the network's bandwidth and loss, retransmissions of SYN-ACKs and of final ACKs, the
accept queue, time-wait sockets, more than one CPU, interrupt moderation, and an attacker that
answers.  The two CPU costs are chosen so that the published CPU shares come out; the rest follows
from the rules.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count

from buddysim.kernel.gfp import composite
from buddysim.lesson.network.listener import Ack, Connection, CookieMode, Listener, Syn, SynAck
from buddysim.lesson.network.slab import PageSource, SlabCache, modern_layout, old_layout
from buddysim.lesson.network.syncookie import Flow, SynCookie
from buddysim.lesson.network.timestamp import LAYOUTS, TcpOptions, WindowScale
from buddysim.replay.prng import Stream

__all__ = ["FLOOD_ERAS", "Flood", "FloodEra", "FloodResult", "FloodSpec"]

_SERVER = IPv4Address("192.0.2.1")
_CLIENT_MSS = (1460, 1440, 1380, 1400, 536)
_SYN_RETRIES_S = (3.0, 6.0)
_BACKLOG_LIMIT_S = 0.070  # about 1,000 packets of the device queue at the cost of one SYN


@dataclass(frozen=True)
class FloodEra:
    """Object sizes of one time (fact sheet 14.3), in bytes with padding."""

    gfp_era: str
    request_stride: int
    socket_stride: int
    old_slab: bool
    cookie_era: str
    timestamp_layout: str


FLOOD_ERAS: dict[str, FloodEra] = {
    "2.6.25": FloodEra("2.6.25", 96, 1664, True, "2.6.25", "2.6.26"),
    "6.12": FloodEra("6.12", 320, 2368, False, "6.12", "6.12"),
}
"""Padded: tcp_sock 1616 to 1664, a multiple of the cache line; now 312 to 320, 2304 to 2368."""


@dataclass(frozen=True)
class FloodSpec:
    """One run.  Rates are per second; times are in the unit of their name."""

    mode: CookieMode
    era: str = "2.6.25"
    seconds: float = 6.0
    clients_per_s: int = 250
    noise_per_s: int = 8000
    max_syn_backlog: int = 1024
    rtt_ms: float = 10.0
    hold_ms: float = 500.0
    """How long an accepted connection lives."""
    timestamp_percent: int = 90
    """Share of clients that offer timestamps."""
    syn_us: float = 70.0
    request_us: float = 400.0
    seed: int = 0


@dataclass
class FloodResult:
    """What clients and the machine saw."""

    mode: CookieMode
    clients: int = 0
    served: int = 0
    response_ms: list[float] = field(default_factory=list)
    cpu_percent: float = 0.0
    half_open_peak: int = 0
    request_pages_peak: int = 0
    socket_pages_peak: int = 0
    allocation_failures: int = 0
    cookies_sent: int = 0
    scale_lost: int = 0
    """Connections that offered window scaling and did not get it."""
    sack_lost: int = 0
    mss_rounded: int = 0
    """Connections whose MSS came back smaller than it was offered."""

    @property
    def mean_response_ms(self) -> float:
        """Mean time from the first SYN to the response, over served clients; 0 when none was."""
        return sum(self.response_ms) / len(self.response_ms) if self.response_ms else 0.0

    @property
    def served_percent(self) -> float:
        """0..100 of the clients that tried."""
        return 100 * self.served / self.clients if self.clients else 0.0


@dataclass(slots=True)
class _Client:
    syn: Syn
    started_s: float
    done: bool = False


class Flood:
    """Run one specification on pages from ``pages``; call :meth:`run` once.

    O(packets log clients) time; the same specification gives the same result.
    """

    def __init__(self, spec: FloodSpec, pages: PageSource) -> None:
        era = FLOOD_ERAS[spec.era]
        layout = old_layout if era.old_slab else modern_layout
        gfp = composite("GFP_ATOMIC", era.gfp_era)
        self._spec = spec
        self._listener = Listener(
            spec.mode,
            SynCookie(b"a secret that only the server has", era.cookie_era),
            SlabCache("request_sock_TCP", layout(era.request_stride), pages, gfp),
            SlabCache("TCP", layout(era.socket_stride), pages, gfp),
            spec.max_syn_backlog,
            LAYOUTS[era.timestamp_layout],
        )
        self._random = Stream(spec.seed, "flood")
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._ticket = count()
        self._cpu_free_s = 0.0
        self._busy_s = 0.0
        self._result = FloodResult(spec.mode)

    def run(self) -> FloodResult:
        """Play the whole run and return what was seen; every page is given back at the end."""
        end_s = self._spec.seconds
        self._every(self._spec.clients_per_s, self._client_arrives)
        self._every(self._spec.noise_per_s, self._noise_arrives)
        while self._events and self._events[0][0] < end_s:
            now_s, _, action = heapq.heappop(self._events)
            action(now_s)
        return self._finish()

    def _finish(self) -> FloodResult:
        result, listener = self._result, self._listener
        result.cpu_percent = 100 * min(self._busy_s / self._spec.seconds, 1.0)
        result.half_open_peak = listener.counters.peak_queue
        result.request_pages_peak = listener.requests.held_pages_peak
        result.socket_pages_peak = listener.sockets.held_pages_peak
        result.allocation_failures = listener.requests.failures + listener.sockets.failures
        result.cookies_sent = listener.counters.cookies_sent
        for now_s, _, action in self._events:
            if isinstance(action, _Close):
                action(now_s)
        listener.shutdown()
        return result

    def _at(self, time_s: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time_s, next(self._ticket), action))

    def _every(self, rate: int, action: Callable[[float], None]) -> None:
        """Call ``action`` ``rate`` times a second, each gap shaken by up to half of itself."""
        if rate == 0:
            return
        gap_s, next_u64 = 1.0 / rate, self._random.next_u64

        def uniform() -> float:
            return next_u64() / 2**64

        def arrive(now_s: float) -> None:
            self._at(now_s + gap_s * (0.5 + uniform()), arrive)
            action(now_s)

        self._at(gap_s * uniform(), arrive)

    def _work(self, now_s: float, cost_us: float) -> float | None:
        """When the CPU finishes a packet that came now; None: the device queue overflowed."""
        start_s = max(now_s, self._cpu_free_s)
        if start_s - now_s > _BACKLOG_LIMIT_S:
            return None
        self._cpu_free_s = start_s + cost_us / 1e6
        self._busy_s += cost_us / 1e6
        return self._cpu_free_s

    def _noise_arrives(self, now_s: float) -> None:
        if self._work(now_s, self._spec.syn_us) is None:
            return
        bits = self._random.next_u64()
        flow = Flow(IPv4Address(bits & 0xFFFF_FFFF), _SERVER, bits >> 48, 80)
        self._listener.syn(Syn(flow, bits >> 16 & 0xFFFF_FFFF, timestamps=False), now_s)

    def _client_arrives(self, now_s: float) -> None:
        self._result.clients += 1
        client = _Client(self._client_syn(), now_s)
        self._send_syn(client, now_s, _SYN_RETRIES_S)

    def _client_syn(self) -> Syn:
        pick = self._random
        number = self._result.clients
        source = IPv4Address((10 << 24) + number // 50_000)
        return Syn(
            Flow(source, _SERVER, 1024 + number % 50_000, 80),
            pick.below(1 << 32),
            _CLIENT_MSS[pick.below(len(_CLIENT_MSS))],
            TcpOptions(WindowScale(6, 6), sack=True),
            timestamps=pick.below(100) < self._spec.timestamp_percent,
        )

    def _send_syn(self, client: _Client, now_s: float, retries_s: tuple[float, ...]) -> None:
        done_s = self._work(now_s, self._spec.syn_us)
        answer = None if done_s is None else self._listener.syn(client.syn, now_s)
        if answer is not None and done_s is not None:
            ack_s = done_s + self._spec.rtt_ms / 1e3
            self._at(ack_s, lambda at_s: self._ack_arrives(client, answer, at_s))
        elif retries_s:
            wait_s, *later = retries_s
            self._at(now_s + wait_s, lambda at_s: self._send_syn(client, at_s, tuple(later)))

    def _ack_arrives(self, client: _Client, answer: SynAck, now_s: float) -> None:
        done_s = self._work(now_s, self._spec.request_us)
        if done_s is None:
            return
        ack = Ack(client.syn.flow, client.syn.isn, answer.isn + 1 & 0xFFFF_FFFF, answer.timestamp)
        connection = self._listener.ack(ack, now_s)
        if connection is None:
            return
        result = self._result
        result.served += 1
        result.response_ms.append((done_s - client.started_s) * 1e3)
        self._count_losses(client.syn, connection)
        self._at(done_s + self._spec.hold_ms / 1e3, _Close(self._listener, connection))

    def _count_losses(self, syn: Syn, connection: Connection) -> None:
        result = self._result
        result.scale_lost += connection.options.scale != syn.options.scale
        result.sack_lost += connection.options.sack != syn.options.sack
        result.mss_rounded += connection.mss < syn.mss


@dataclass(eq=False, slots=True)
class _Close:
    listener: Listener
    connection: Connection

    def __call__(self, now_s: float) -> None:
        self.listener.close(self.connection)

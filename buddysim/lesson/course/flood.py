"""Lesson 8: a SYN flood, and what cookies buy and cost."""

from __future__ import annotations

from dataclasses import replace

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.network.flood import Flood, FloodResult, FloodSpec
from buddysim.lesson.network.listener import CookieMode
from buddysim.mm.machine import Machine, MachineSpec, Sysctl, build_machine

__all__ = ["LESSON"]

_TEXT = """\
A connection starts with a SYN.  The server answers and must remember the request until the
client's ACK arrives.  It remembers in a small request sock: 96 bytes in 2.6.25, a seventeenth of
the full socket, which is only made when the peer has shown that it exists.  All of it is asked
for from interrupt context with GFP_ATOMIC, out of the reserve.

A SYN flood sends requests from addresses that never answer.  The queue of half-open requests
fills in a tenth of a second; from then on customers meet a full queue.  A longer queue does not
help: it only moves the failure from the queue to the memory.

A SYN cookie needs no queue.  The server folds the addresses, the ports, a minute counter and a
secret into the sequence number it answers with.  The ACK brings that number back, and the server
rebuilds the request.  Three bits hold one of eight segment sizes; window scaling and SACK do not
fit, so a connection that came by cookie loses them.  Where the client offers timestamps, the low
nine bits of ours carry them: 0x166 means scale 6 both ways, and SACK.

Two sites published what they saw at 8,000 SYN/s: a mean response of 1.5 s without cookies and
12-15 ms with them; and 750 requests/s in peace, 725 under attack with cookies, none without.
The model reproduces the directions.  It knows one CPU with two fixed costs, chosen so that the
published CPU shares and the busy site's 750 requests/s come out; no lost packets, no accept queue
and no retransmitted SYN-ACKs.  The other numbers are its own."""

_VARIANTS = {
    "calm": FloodSpec(CookieMode.OFF, noise_per_s=0, seconds=4.0),
    "no cookies": FloodSpec(CookieMode.OFF, seconds=24.0),
    "long queue": FloodSpec(CookieMode.OFF, seconds=4.0, max_syn_backlog=1 << 17),
    "cookies": FloodSpec(CookieMode.COOKIES, seconds=4.0),
    "timestamps": FloodSpec(CookieMode.TIMESTAMPS, seconds=4.0),
}
_BUSY = FloodSpec(
    CookieMode.OFF, clients_per_s=800, request_us=1270.0, noise_per_s=0, max_syn_backlog=256
)
"""A site that works at its limit of about 750 requests/s."""
_BUSY_VARIANTS = {
    "calm": replace(_BUSY, seconds=6.0),
    "no cookies": replace(_BUSY, noise_per_s=450, seconds=24.0),
    "cookies": replace(_BUSY, noise_per_s=450, seconds=6.0, mode=CookieMode.COOKIES),
}
_FREE_FOR_NETWORK = 600
_BUSY_COLUMNS = ("variant", "served requests/s")
_COLUMNS = (
    "variant",
    "served %",
    "mean ms",
    "CPU %",
    "queue",
    "pages",
    "refused",
    "lost",
)


def _small_machine() -> Machine:
    """16 MiB with little left: a flood must be able to hurt it."""
    spec = MachineSpec.from_mem(16 << 20, profile="2.6.25", sysctl=Sysctl(min_free_kbytes=512))
    machine = build_machine(spec)
    free = sum(zone.free for zone in machine.zones)
    machine.add_reclaimable(free - _FREE_FOR_NETWORK)
    return machine


def _row(name: str, result: FloodResult) -> tuple[str, ...]:
    return (
        name,
        f"{result.served_percent:.1f}",
        f"{result.mean_response_ms:,.1f}",
        f"{result.cpu_percent:.0f}",
        f"{result.half_open_peak:,}",
        f"{result.request_pages_peak + result.socket_pages_peak:,}",
        f"{result.allocation_failures:,}",
        f"{result.scale_lost:,}",
    )


def _play() -> Observation:
    results = {name: Flood(spec, _small_machine()).run() for name, spec in _VARIANTS.items()}
    numbers: dict[str, float] = {}
    for name, result in results.items():
        key = name.replace(" ", "_")
        numbers[f"{key}_served"] = result.served_percent
        numbers[f"{key}_ms"] = result.mean_response_ms
        numbers[f"{key}_cpu"] = result.cpu_percent
        numbers[f"{key}_pages"] = result.request_pages_peak
        numbers[f"{key}_failures"] = result.allocation_failures
        numbers[f"{key}_lost"] = result.scale_lost
    busy = {name: _served_per_s(spec) for name, spec in _BUSY_VARIANTS.items()}
    numbers |= {f"busy_{name.replace(' ', '_')}": rate for name, rate in busy.items()}
    title = "250 customers/s against 8,000 SYN/s; refused: allocations; lost: window scale and SACK"
    rows = tuple(_row(name, result) for name, result in results.items())
    busy_rows = tuple((name, f"{rate:.0f}") for name, rate in busy.items())
    busy_table = Table("A site at its limit, 450 SYN/s of noise", _BUSY_COLUMNS, busy_rows)
    return Observation(numbers, (Table(title, _COLUMNS, rows), busy_table))


def _served_per_s(spec: FloodSpec) -> float:
    return Flood(spec, _small_machine()).run().served / spec.seconds


LESSON = Lesson(
    number=8,
    name="flood",
    title="A SYN flood",
    text=_TEXT,
    play=_play,
    scenario="flood.trace",
    claims=(
        Claim(
            "Without cookies {no_cookies_served} % of the customers are served, and those wait "
            "{no_cookies_ms} ms; in peace {calm_served} % are, in {calm_ms} ms.",
            lambda n: n["no_cookies_served"] < 5 and n["no_cookies_ms"] > 100 * n["calm_ms"],
        ),
        Claim(
            "With cookies {cookies_served} % are served in {cookies_ms} ms.",
            lambda n: n["cookies_served"] > 95 and n["cookies_ms"] < 20,
        ),
        Claim(
            "Cookies cost CPU because there are customers to serve: {cookies_cpu} % against "
            "{no_cookies_cpu} %.",
            lambda n: n["cookies_cpu"] > n["no_cookies_cpu"],
        ),
        Claim(
            "A longer queue turns into memory: {long_queue_pages} pages of request "
            "socks against {cookies_pages}, and {long_queue_failures} allocations fail.",
            lambda n: (
                n["long_queue_pages"] > 10 * n["cookies_pages"] and n["long_queue_failures"] > 100
            ),
        ),
        Claim(
            "Timestamps bring back the options: {timestamps_lost} connections lose window "
            "scaling, against {cookies_lost}.",
            lambda n: n["timestamps_lost"] < 0.2 * n["cookies_lost"],
        ),
        Claim(
            "A site at its limit serves {busy_calm} requests/s in peace, {busy_cookies} under "
            "attack with cookies, and {busy_no_cookies} without.",
            lambda n: (
                0.9 * n["busy_calm"] < n["busy_cookies"] < n["busy_calm"]
                and n["busy_no_cookies"] < 0.1 * n["busy_calm"]
            ),
        ),
    ),
    exercises=(
        Exercise(
            "An attacker guesses cookies at random.  How many packets for one forged connection?",
            "4 of 256 counter values and 8 of 2^24 low numbers pass: one in 134 million.",
        ),
        Exercise(
            "Today's request sock has 312 bytes.  How long may the queue be in 1 MiB?",
            "12 fit a page: 256 pages hold 3,072.",
        ),
        Exercise(
            "Why are cookies sent only while the queue is full?",
            "Read the last column, then think of a client without timestamps.",
        ),
    ),
)

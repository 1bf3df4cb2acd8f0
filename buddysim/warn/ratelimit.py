"""Which warnings are printed: the rate limits of each era (fact sheet 10.6).

Time is in jiffies.  A limit that opens again tells how many messages it kept back; the notice
goes out just before the message that reopened it, and never if no later message comes.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from buddysim.kernel.profile import Profile

__all__ = [
    "DEFAULT_HZ",
    "SLUB_SUPPRESSED_TEXT",
    "RateLimit",
    "TokenBucket",
    "Verdict",
    "Window",
    "jiffies_of",
    "page_warning_limit",
    "slub_warning_limit",
]

DEFAULT_HZ = 250
_NS_PER_S = 1_000_000_000
_BOOT_OFFSET_S = 300

SLUB_SUPPRESSED_TEXT = "slab_out_of_memory: {n} callbacks suppressed"
_SLUB_INTERVAL_S = 5
_SLUB_BURST = 10


def jiffies_of(time_ns: int, hz: int = DEFAULT_HZ) -> int:
    """The jiffies count at ``time_ns`` since boot; it starts five minutes before zero."""
    return time_ns * hz // _NS_PER_S - _BOOT_OFFSET_S * hz


class Verdict(NamedTuple):
    """``allowed``: print it.  ``kept_back``: announce that many first; 0 = nothing to say."""

    allowed: bool
    kept_back: int


class RateLimit(Protocol):
    """One limiter's state, shared by all messages that go through it."""

    missed: int
    """Messages kept back and not announced yet."""

    def ask(self, now: int) -> Verdict:
        """Account for one message at ``now`` (jiffies, never running backwards)."""
        ...


class Window:
    """At most ``burst`` messages in ``interval`` jiffies, counted from the first of them.

    ``reopen_now``: the call that finds the window expired starts the new one (4.19 and later);
    else the call after it does (through 4.4).
    """

    __slots__ = ("begin", "burst", "interval", "missed", "printed", "reopen_now")

    def __init__(self, interval: int, burst: int, *, reopen_now: bool = True) -> None:
        self.interval = interval
        self.burst = burst
        self.reopen_now = reopen_now
        self.begin = 0
        self.printed = 0
        self.missed = 0

    def ask(self, now: int) -> Verdict:
        """The window algorithm; a ``begin`` of 0 means that no window is open.  O(1)."""
        if self.interval == 0:
            return Verdict(True, 0)
        if self.begin == 0:
            self.begin = now
        kept_back = 0
        if now > self.begin + self.interval:
            kept_back, self.missed = self.missed, 0
            self.printed = 0
            self.begin = now if self.reopen_now else 0
        if self.printed < self.burst:
            self.printed += 1
            return Verdict(True, kept_back)
        self.missed += 1
        return Verdict(False, kept_back)


class TokenBucket:
    """2.6.25's printk_ratelimit: ``burst`` messages at once, then one per ``interval`` jiffies."""

    __slots__ = ("burst", "interval", "last", "missed", "tokens")

    def __init__(self, interval: int, burst: int) -> None:
        self.interval = interval
        self.burst = burst
        self.tokens = interval * burst
        self.last: int | None = None
        self.missed = 0

    def ask(self, now: int) -> Verdict:
        """Add the jiffies since the last call to the bucket and try to take one message's worth."""
        elapsed = 0 if self.last is None else now - self.last
        self.last = now
        self.tokens = min(self.tokens + elapsed, self.interval * self.burst)
        if self.tokens < self.interval:
            self.missed += 1
            return Verdict(False, 0)
        self.tokens -= self.interval
        kept_back, self.missed = self.missed, 0
        return Verdict(True, kept_back)


def page_warning_limit(profile: Profile, hz: int = DEFAULT_HZ) -> Window | TokenBucket:
    """The limit that page allocation warnings of an era go through.

    Modern kernels share it with vmalloc's warnings, 2.6 with every printk_ratelimit user.
    """
    interval = profile.ratelimit_interval_s * hz
    if profile.ratelimit == "token-bucket":
        return TokenBucket(interval, profile.ratelimit_burst)
    return Window(interval, profile.ratelimit_burst, reopen_now=profile.ratelimit_reopen == "now")


def slub_warning_limit(hz: int = DEFAULT_HZ) -> Window:
    """The limit of SLUB's own warning: 10 in 5 s (fact sheet 15.3)."""
    return Window(_SLUB_INTERVAL_S * hz, _SLUB_BURST)

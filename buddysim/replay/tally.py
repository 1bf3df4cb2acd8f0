"""Counts per caller while a run goes on, and their final form.  Memory is O(callers + shapes)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from buddysim.replay.loop import LoopState
from buddysim.replay.outcome import CallerStats, FirstSeen, Shape, Totals
from buddysim.source.event import Tables

__all__ = ["STORM_WINDOW_NS", "Tally", "shape_key"]

STORM_WINDOW_NS = 1_000_000_000
_WINDOW_LIMIT = 4096
_ORDERS = 11


def shape_key(caller: int, order: int, gfp: int, context: int) -> int:
    """The loop's packing of a kind of request."""
    return gfp << 32 | caller << 12 | order << 8 | context


class _Streak:
    """Failures in a row of one kind of request."""

    __slots__ = ("first", "gfp", "length", "order")

    def __init__(self, order: int, gfp: int, first: FirstSeen) -> None:
        self.order = order
        self.gfp = gfp
        self.length = 0
        self.first = first


class _Pending(NamedTuple):
    """A failure whose sequel has not been seen."""

    order: int
    gfp: int
    time_ns: int


class Tally:
    """The running account; requests by shape and pages by caller are counted by the loop."""

    def __init__(self, tables: Tables, loop: LoopState) -> None:
        self.tables = tables
        self.loop = loop
        self.stats: dict[int, CallerStats] = {}
        self.first: dict[int, FirstSeen] = {}
        self.totals = Totals()
        self.pending: dict[int, _Pending] = {}
        self._streaks: dict[int, _Streak] = {}
        self._windows: dict[int, list[int]] = {}
        self._failed_pages: dict[int, int] = {}

    def of(self, caller: int) -> CallerStats:
        """The (possibly new) account of a caller index."""
        stats = self.stats.get(caller)
        if stats is None:
            stats = self.stats[caller] = CallerStats(self.tables.callers[caller])
        return stats

    def grow(self) -> None:
        """Make room for callers that the reader has met since."""
        self.loop.grow(len(self.tables.callers))

    def is_new(self, key: int) -> bool:
        """Is nothing known of this kind of request (:func:`shape_key`)?"""
        return not self.loop.shapes.knows(key)

    def introduce(self, key: int, seen: FirstSeen, alloc_flags: int) -> None:
        """Make a new kind of request known; ``alloc_flags``: see :meth:`Run.rights`."""
        self.first[key] = seen
        self.loop.shapes.introduce(key, alloc_flags)

    def attempt(
        self,
        caller: int,
        order: int,
        gfp: int,
        context: int,
        seen: FirstSeen,
        rights: Callable[[int, int, int], int],
    ) -> int:
        """Count one request; the caller's number for it, from 1.

        ``rights`` is asked once for each kind of request, see :meth:`Run.rights`.
        """
        key = shape_key(caller, order, gfp, context)
        if self.is_new(key):
            self.introduce(key, seen, rights(order, gfp, context))
        self.loop.shapes.add(key)
        self.loop.requests[caller] += 1
        return self.loop.requests[caller]

    def requests_of(self, caller: int) -> int:
        """How many requests a caller has made."""
        self.grow()
        return self.loop.requests[caller]

    def succeeded(self, caller: int, order: int, gfp: int, time_ns: int) -> None:
        """A request of ``caller`` worked: streaks end, a pending failure learns its sequel."""
        self._streaks.pop(caller, None)
        self._sequel(caller, order, gfp, time_ns, "succeeded")

    def failed(
        self, caller: int, order: int, gfp: int, origin: str, cause: str, seen: FirstSeen
    ) -> CallerStats:
        """Count one failed request."""
        self._sequel(caller, order, gfp, seen.time_ns, "failed")
        stats = self.of(caller)
        self.loop.failed += 1
        for account in (stats, self.totals):
            setattr(account, f"failed_{origin}", getattr(account, f"failed_{origin}") + 1)
            account.failed_by_cause[cause] = account.failed_by_cause.get(cause, 0) + 1
        self._failed_pages[caller] = self._failed_pages.get(caller, 0) + (1 << min(order, 20))
        self.pending[caller] = _Pending(order, gfp, seen.time_ns)
        self.loop.watched[caller] = 1
        self._streak(stats, caller, order, gfp, seen)
        self._blame_holder(caller, seen)
        return stats

    def settled(self, caller: int) -> None:
        """The caller coped with its failure: what comes next is new work, not a retry."""
        self._streaks.pop(caller, None)
        self.pending.pop(caller, None)
        self.loop.watched[caller] = 0

    def _sequel(self, caller: int, order: int, gfp: int, time_ns: int, how: str) -> None:
        before = self.pending.pop(caller, None)
        if before is None:
            return
        self.loop.watched[caller] = 0
        size = "smaller" if order < before.order else "larger" if order > before.order else "same"
        stats = self.of(caller)
        word = f"{size}-{how}"
        stats.after_failure[word] = stats.after_failure.get(word, 0) + 1
        if word == "smaller-succeeded":
            stats.after_failure_max_ns = max(stats.after_failure_max_ns, time_ns - before.time_ns)

    def _streak(
        self, stats: CallerStats, caller: int, order: int, gfp: int, seen: FirstSeen
    ) -> None:
        streak = self._streaks.get(caller)
        if streak is None or (streak.order, streak.gfp) != (order, gfp):
            streak = self._streaks[caller] = _Streak(order, gfp, seen)
        streak.length += 1
        if streak.length > stats.longest_failure_streak:
            stats.longest_failure_streak = streak.length
            stats.streak_first = streak.first
            stats.streak_order, stats.streak_gfp = order, gfp

    def repeated_below_min(self, caller: int, seen: FirstSeen) -> None:
        """A failed repetition while a zone was below its min mark (drains the reserve)."""
        streak = self._streaks.get(caller)
        if streak is None or streak.length < 2:
            return
        window = self._windows.setdefault(caller, [])
        window.append(seen.time_ns)
        while window[0] <= seen.time_ns - STORM_WINDOW_NS or len(window) > _WINDOW_LIMIT:
            window.pop(0)
        stats = self.of(caller)
        if len(window) > stats.retries_below_min_per_s:
            stats.retries_below_min_per_s = len(window)
            stats.retries_first = stats.retries_first or seen

    def _blame_holder(self, caller: int, seen: FirstSeen) -> None:
        """Who held the most pages when this request of somebody else failed?"""
        live_pages = self.loop.live_pages
        if len(live_pages) < 2:
            return
        largest = max(live_pages)
        holder = live_pages.index(largest)
        if largest <= 0 or holder == caller:
            return
        stats = self.of(holder)
        stats.spoiled_failures += 1
        stats.spoiled_first = stats.spoiled_first or seen
        stats.peak_live_pages = max(stats.peak_live_pages, largest)

    def finish(self) -> list[CallerStats]:
        """Final accounts: most failures first, then most requests, then by name."""
        for caller in sorted(self.pending):
            after = self.of(caller).after_failure
            after["nothing"] = after.get("nothing", 0) + 1
        self.pending.clear()
        for key, count in sorted(self.loop.shapes.items()):
            self._take_shape(key, count)
        for caller, stats in self.stats.items():
            stats.succeeded = stats.attempted - stats.failed
            stats.pages -= self._failed_pages.get(caller, 0)
            if caller < len(self.loop.live_pages):
                stats.live_pages = self.loop.live_pages[caller]
                stats.reserve_pages += self.loop.reserve_pages[caller]
            stats.peak_live_pages = max(stats.peak_live_pages, stats.live_pages)
        totals = self.totals
        totals.by_gfp = dict(sorted(totals.by_gfp.items(), key=lambda item: (-item[1], item[0])))
        totals.succeeded = totals.attempted - totals.failed
        totals.failed_by_cause = dict(sorted(totals.failed_by_cause.items()))
        return sorted(
            self.stats.values(), key=lambda each: (-each.failed, -each.attempted, each.caller)
        )

    def _take_shape(self, key: int, count: int) -> None:
        gfp, caller, order, context = key >> 32, key >> 12 & 0xFFFFF, key >> 8 & 15, key & 255
        stats = self.of(caller)
        stats.shapes.append(Shape(order, gfp, context, count, self.first[key]))
        stats.attempted += count
        stats.pages += count << order
        self.totals.attempted += count
        if order < _ORDERS:
            self.totals.by_order[order] += count
        self.totals.by_gfp[gfp] = self.totals.by_gfp.get(gfp, 0) + count

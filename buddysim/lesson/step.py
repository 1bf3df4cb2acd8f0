"""One event with the free lists before and after it, and why it went as it did."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from buddysim.replay.failure_row import FailureRow, ZoneLook
from buddysim.replay.film import ZoneFrame

__all__ = ["Step", "why_failed", "why_freed", "why_worked"]


@dataclass(frozen=True)
class Step:
    """One event of a trace, played.  ``cause`` is empty unless ``failed``."""

    number: int
    line: int
    time_ns: int
    profile: str
    caller: str
    text: str
    is_request: bool
    order: int
    gfp: int
    failed: bool
    cause: str
    before: tuple[ZoneFrame, ...]
    after: tuple[ZoneFrame, ...]
    why: tuple[str, ...]


def why_worked(
    order: int, before: tuple[ZoneFrame, ...], after: tuple[ZoneFrame, ...]
) -> tuple[str, ...]:
    """Where the pages of a successful request came from, read off the change in the lists."""
    told = [_split(order, old, new) for old, new in zip(before, after, strict=True)]
    return tuple(text for text in told if text) or (
        "it came from a per-cpu list, so the free lists did not change",
    )


def why_freed(before: tuple[ZoneFrame, ...], after: tuple[ZoneFrame, ...]) -> tuple[str, ...]:
    """What became of freed pages."""
    told = [_merge(old, new) for old, new in zip(before, after, strict=True)]
    return tuple(text for text in told if text) or (
        "it went to a per-cpu list, so the free lists did not change",
    )


def _changes(old: ZoneFrame, new: ZoneFrame) -> list[int]:
    return [b - a for a, b in zip(old.nr_free, new.nr_free, strict=True)]


def _split(order: int, old: ZoneFrame, new: ZoneFrame) -> str:
    changes = _changes(old, new)
    taken = [at for at, change in enumerate(changes) if change < 0]
    if not taken:
        return ""
    left = [at for at, change in enumerate(changes) if change > 0]
    blocks = ", ".join(f"{-changes[at]} of order {at}" for at in taken)
    if taken == [order] and changes[order] == -1 and not left:
        return f"{old.name}: a free block of order {order} was there"
    if not left:
        return f"{old.name}: taken {blocks}"
    halves = ", ".join(str(at) for at in reversed(left))
    return f"{old.name}: taken {blocks}, and split: what is left has order {halves}"


def _merge(old: ZoneFrame, new: ZoneFrame) -> str:
    changes = _changes(old, new)
    grown = [at for at, change in enumerate(changes) if change > 0]
    if not grown:
        return ""
    gone = [at for at, change in enumerate(changes) if change < 0]
    if gone:
        buddies = ", ".join(str(at) for at in gone)
        return f"{old.name}: met free buddies of order {buddies}, merged up to order {grown[-1]}"
    orders = ", ".join(f"{changes[at]} of order {at}" for at in grown)
    return f"{old.name}: no free buddy, so it stays as it is ({orders} more)"


_VERDICTS = {
    "not-allowed": "the mask does not allow this zone",
    "below-watermark": "{free} free is {missing} short of what this mask must leave "
    "(mark {mark}, reserve {reserve})",
    "reserved": "{unusable} of {free} free pages are kept for others",
    "fragmented": "{free} pages are free, but {blocks} free blocks are of order {order} or more",
    "wrong-migratetype": "the blocks that are big enough are of a type this mask may not take",
    "passes": "the zone would have passed by now",
}


def why_failed(failure: FailureRow, before: tuple[ZoneFrame, ...]) -> tuple[str, ...]:
    """The zone walk of a failed request in words."""
    if failure.origin == "injected":
        return ("fault injection refused it before any zone was looked at",)
    if not failure.zones:
        return ("it was refused before any zone was looked at",)
    return tuple(f"{look.name}: {_verdict(failure.order, look, before)}" for look in failure.zones)


def _verdict(order: int, look: ZoneLook, before: tuple[ZoneFrame, ...]) -> str:
    blocks = sum(
        sum(zone.nr_free[order:])
        for zone in before
        if (zone.name, zone.node) == (look.name, look.node)
    )
    words = asdict(look) | {"order": order, "blocks": blocks or "no"}
    return _VERDICTS[look.verdict].format_map(words)

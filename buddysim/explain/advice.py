"""What would have helped, tried on the rebuilt machine before it is said."""

from __future__ import annotations

from dataclasses import dataclass

from buddysim.explain.asked import Asked
from buddysim.explain.cause import Cause
from buddysim.explain.rebuild import Replayed, replay_request
from buddysim.kernel.gfp import Gfp
from buddysim.source.kernel_log_model import FailureReport

__all__ = ["Advice", "advise"]

_STEPS = 9
_COSTLY = 3


@dataclass(frozen=True)
class Advice:
    """One thing to do or not to do.  ``replayed``: tried on the rebuilt machine."""

    action: str
    setting: str | None
    value: int | str | None
    replayed: bool


def advise(
    report: FailureReport, asked: Asked, cause: Cause, replayed: Replayed | None
) -> tuple[Advice, ...]:
    """Advice for one report, the most useful first.  Nothing that the replay shows useless."""
    if cause.name in {"injected", "unknown", "other"}:
        return ()
    if cause.name == "impossible-order":
        return (
            Advice("fix the caller: no setting makes this request possible", None, None, False),
        )
    found: list[Advice] = []
    if replayed is not None and replayed.failure is not None:
        found += _smaller_order(report, asked)
        if cause.name != "fragmented":  # more free pages make no larger blocks
            found += _min_free(report, asked)
    found += _by_cause(report, asked, cause)
    return tuple(found)


def _smaller_order(report: FailureReport, asked: Asked) -> list[Advice]:
    order = report.order or 0
    for smaller in range(order - 1, -1, -1):
        answer = replay_request(report, asked, order=smaller)
        if answer is not None and answer.granted:
            text = f"ask for order {smaller} instead of {order}: it would have been granted"
            return [Advice(text, "order", smaller, True)]
    if order:
        return [Advice("a smaller order would not have helped either", None, None, True)]
    return []


def _min_free(report: FailureReport, asked: Asked) -> list[Advice]:
    """The smallest min_free_kbytes with which the rebuilt request is granted, by halving."""
    now = sum(zone.numbers.get("min", 0) for zone in report.zones)
    high = now
    for _ in range(3):
        if _grants(report, asked, high):
            break
        high *= 2
    else:
        text = f"raising vm.min_free_kbytes does not help: tried up to {now + high // 2}"
        return [Advice(text, None, None, True)] if now else []
    low = 0
    for _ in range(_STEPS):
        middle = (low + high) // 2
        if middle in {low, high}:
            break
        low, high = (low, middle) if _grants(report, asked, middle) else (middle, high)
    setting = f"vm.min_free_kbytes={now + high}"
    text = f"sysctl -w {setting}   (now about {now}): kswapd then keeps enough free"
    return [Advice(text, "vm.min_free_kbytes", now + high, True)]


def _grants(report: FailureReport, asked: Asked, added_kb: int) -> bool:
    answer = replay_request(report, asked, added_kb=added_kb)
    return answer is not None and answer.granted


def _by_cause(report: FailureReport, asked: Asked, cause: Cause) -> list[Advice]:
    order = report.order or 0
    found = []
    if cause.name == "exhausted":
        text = "find who holds the memory, add memory or swap: tuning does not make pages"
        found.append(Advice(text, None, None, False))
    if cause.name == "fragmented":
        text = "let the caller take single pages (kvmalloc, scatter-gather)"
        found.append(Advice(text, None, None, False))
        if asked.profile.compaction and asked.may_sleep:
            text = "sysctl -w vm.compaction_proactiveness=50   (5.9 and later)"
            found.append(Advice(text, "vm.compaction_proactiveness", 50, False))
    if cause.name == "reserved":
        text = "free CMA or highatomic pages are not for this request: size cma= to the need"
        found.append(Advice(text, "cma", None, False))
    if cause.name == "zone-restricted":
        text = "lift the device's DMA mask, or use a 64-bit kernel; lowmem_reserve_ratio shifts it"
        found.append(Advice(text, "vm.lowmem_reserve_ratio", None, False))
    if asked.gfp and not asked.may_sleep and report.frames and not report.in_interrupt:
        text = "no interrupt is in the stack: GFP_KERNEL may be possible here"
        found.append(Advice(text, "gfp", "GFP_KERNEL", False))
    if asked.gfp and order > _COSTLY and not asked.gfp & Gfp.NOWARN:
        text = "a caller with a fallback should pass __GFP_NOWARN"
        found.append(Advice(text, "gfp", "__GFP_NOWARN", False))
    return found

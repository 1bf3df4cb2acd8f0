"""How findings name requests: order, mask in the run's era, cause."""

from __future__ import annotations

from buddysim.kernel.context import ATOMIC_CONTEXTS, Context
from buddysim.kernel.gfp import format_names
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import RunResult

__all__ = [
    "describe",
    "describe_context",
    "is_atomic_context",
    "is_speculative",
    "mask_text",
    "plural",
]

_SPECULATIVE = int(Gfp.NOWARN | Gfp.NORETRY)
_NOWARN = int(Gfp.NOWARN)
_WAIT = int(Gfp.DIRECT_RECLAIM)


def mask_text(run: RunResult, gfp: int) -> str:
    """A canonical mask in the words of the run's kernel."""
    return format_names(gfp, run.profile) or "0"


def describe(run: RunResult, order: int, gfp: int) -> str:
    """``order-2 GFP_ATOMIC``."""
    return f"order-{order} {mask_text(run, gfp)}"


def is_speculative(gfp: int) -> bool:
    """An attempt that is meant to fail quietly: NOWARN with NORETRY, or without any waiting.

    Followed by a smaller attempt, its failure is by design (catalogue, rules of the house).
    """
    if gfp & _SPECULATIVE == _SPECULATIVE:
        return True
    return bool(gfp & _NOWARN and not gfp & _WAIT)


def is_atomic_context(context: int) -> bool:
    """Known to be a place where sleeping is a bug."""
    return bool(context & ATOMIC_CONTEXTS) and not context & Context.UNKNOWN


def describe_context(context: int) -> str:
    """The deepest context bit in words."""
    words = (
        (Context.NMI, "NMI"),
        (Context.HARDIRQ, "a hard interrupt"),
        (Context.SOFTIRQ, "a soft interrupt"),
        (Context.IRQS_OFF, "a section with interrupts off"),
        (Context.BH_OFF, "a section with bottom halves off"),
        (Context.PREEMPT_OFF, "a section that must not be preempted"),
    )
    return next((word for bit, word in words if context & bit), "process context")


def plural(count: int, noun: str) -> str:
    """``1 failure``, ``3 failures``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

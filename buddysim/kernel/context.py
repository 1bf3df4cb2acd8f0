"""What was running when memory was asked for: the flags column of a trace line, as bits.

Fact sheet 13.5 (flag characters).  A request from a context other than process must not sleep.
"""

from __future__ import annotations

from enum import IntFlag

__all__ = ["ATOMIC_CONTEXTS", "CONTEXT_BY_NAME", "Context"]


class Context(IntFlag):
    """Bits of the ``context`` column; 0 is process context that may sleep."""

    PROCESS = 0
    PREEMPT_OFF = 1  # preempt-depth > 0: a spinlock or preempt_disable()
    IRQS_OFF = 2
    BH_OFF = 4
    SOFTIRQ = 8
    HARDIRQ = 16
    NMI = 32
    UNKNOWN = 64  # the trace has no flags column


ATOMIC_CONTEXTS = (
    Context.PREEMPT_OFF
    | Context.IRQS_OFF
    | Context.BH_OFF
    | Context.SOFTIRQ
    | Context.HARDIRQ
    | Context.NMI
)

CONTEXT_BY_NAME = {
    "process": Context.PROCESS,
    "atomic": Context.PREEMPT_OFF,
    "softirq": Context.SOFTIRQ,
    "hardirq": Context.HARDIRQ,
}

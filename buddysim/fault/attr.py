"""The kernel's fault attribute: when does an injectable call fail (fact sheet 11.3, 11.4).

The checks run in the order of the era; what an earlier check consumes (``space``, the interval
count, a random roll) is consumed even when a later one lets the call pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from buddysim.fault.fail_nth import FailNth
from buddysim.fault.stack_filter import StackFilter
from buddysim.kernel.release import row_of_release

__all__ = ["CheckOrder", "FaultAttr", "check_order_of"]

NO_LIMIT = -1
"""``times`` that never runs out."""


@dataclass(frozen=True, slots=True)
class CheckOrder:
    """How an era orders the common check."""

    stack_filter_first: bool
    """The stack filter comes before ``space`` and ``interval``, so a rejected call consumes
    nothing; else it comes last."""
    probability_shortcut: bool
    """Probability 0 passes at once; without it space, interval and roll are consumed all the
    same."""
    fail_nth: bool
    fail_nth_filtered: bool
    """A call that the stack filter rejects does not count toward fail-nth."""
    details_line: bool
    """The message has a second line with the attribute's values."""
    nowarn_is_silent: bool
    """A request with __GFP_NOWARN fails without a message."""


_ORDERS: tuple[tuple[tuple[int, ...], CheckOrder], ...] = (
    ((2, 6, 24), CheckOrder(False, False, False, False, False, False)),
    ((3, 0), CheckOrder(False, True, False, False, False, False)),  # read in 3.13
    ((4, 4), CheckOrder(False, True, False, False, True, False)),  # details: after 3.13
    ((4, 13), CheckOrder(False, True, True, False, True, False)),  # fail-nth; read in 4.19
    ((5, 0), CheckOrder(True, True, True, True, True, False)),  # first release unknown
    ((5, 19), CheckOrder(True, True, True, True, True, True)),  # read in 6.12
)


def check_order_of(era: str) -> CheckOrder:
    """The order of checks of a kernel release such as ``6.12``.  Raises ConfigError."""
    return row_of_release(era, _ORDERS)


@dataclass
class FaultAttr:
    """One capability's debugfs directory, with the kernel's defaults (fact sheet 11.1).

    ``roll`` gives a number in 0..99 and is asked only where the kernel asks its own.  ``times``,
    ``space`` and ``count`` change as calls are checked; ``times`` -1 means no limit.
    """

    name: str
    probability: int = 0
    interval: int = 1
    times: int = 1
    space: int = 0
    verbose: int = 2
    task_filter: bool = False
    stack_filter: StackFilter = field(default_factory=StackFilter)
    roll: Callable[[], int] = lambda: 0
    order: CheckOrder = field(default_factory=lambda: check_order_of("6.12"))
    count: int = 0
    """Calls that the interval has counted since boot; never reset."""
    times_before: int = 0
    """``times`` as the message of the last failure prints it: before that failure used one up."""

    def should_fail(
        self,
        size: int,
        *,
        in_task: bool = True,
        marked: bool = True,
        frames: Sequence[str] = (),
        nth: FailNth | None = None,
    ) -> bool:
        """True to fail this call.  O(1), or O(frames) with a stack filter.

        ``size``: pages or bytes that the call would use up of ``space``.  ``marked``: the task has
        make-it-fail set.  ``nth``: the task's fail-nth, which overrides everything while armed.
        """
        if nth is not None and nth.left and in_task and self.order.fail_nth:
            counted = not self.order.fail_nth_filtered or self.stack_filter.accepts(frames)
            return counted and nth.count_down() and self._fail()
        if self.probability == 0 and self.order.probability_shortcut:
            return False
        if self.task_filter and not (in_task and marked):
            return False
        if self.times == 0:
            return False
        if self.order.stack_filter_first and not self.stack_filter.accepts(frames):
            return False
        if not self._consume(size):
            return False
        if not self.order.stack_filter_first and not self.stack_filter.accepts(frames):
            return False
        return self._fail()

    def _consume(self, size: int) -> bool:
        """Space, interval and the random roll, which remember what they let pass."""
        if self.space > size:
            self.space -= size
            return False
        if self.interval > 1:
            self.count += 1
            if self.count % self.interval:
                return False
        return self.probability > self.roll()

    def _fail(self) -> bool:
        self.times_before = self.times
        if self.times > 0:
            self.times -= 1
        return True

    def message(self) -> tuple[str, ...]:
        """What the kernel logs about the last failure, without the stack (fact sheet 11.5)."""
        if not self.order.details_line:
            return ("FAULT_INJECTION: forcing a failure",)
        return (
            "FAULT_INJECTION: forcing a failure.",
            f"name {self.name}, interval {self.interval}, probability {self.probability}, "
            f"space {self.space}, times {self.times_before}",
        )

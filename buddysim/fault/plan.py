"""All ``--fault`` specifications of a run behind one question: should this request fail?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from buddysim.kernel.context import Context
from buddysim.kernel.gfp_table import Gfp

if TYPE_CHECKING:
    from buddysim.fault.attr import CheckOrder
    from buddysim.fault.fail_page_alloc import FailPageAlloc
    from buddysim.fault.failslab import FailSlab
    from buddysim.fault.spec import FaultSpec

__all__ = ["FaultDecision", "FaultPlan", "MessageLimiter"]

_NOT_IN_TASK = int(Context.SOFTIRQ | Context.HARDIRQ | Context.NMI)
_NOFAIL = int(Gfp.NOFAIL)
_NOWARN = int(Gfp.NOWARN)
_NS_PER_S = 1_000_000_000


class MessageLimiter(Protocol):
    """A rate limit over the injection message; ``warn.ratelimit.Window`` is one."""

    def ask(self, now: int) -> tuple[bool, int]:
        """At ``now`` jiffies: may it be printed, and how many were kept back since."""
        ...


class FaultDecision(NamedTuple):
    """One injected failure.  ``message``: what the kernel would log, possibly nothing."""

    spec: FaultSpec
    message: tuple[str, ...]


class _Position:
    """nth, from, event: fails by number, whatever the mask but __GFP_NOFAIL."""

    def __init__(self, spec: FaultSpec) -> None:
        self.spec = spec
        self.seen = 0
        self.failed = 0

    def should_fail(self, gfp: int, event: int) -> bool:
        """Count one matching request; with a caller glob NOFAIL requests count as well."""
        kind, number = self.spec.kind, self.spec.number
        if gfp & _NOFAIL and not self.spec.caller:
            return False
        self.seen += 1
        if kind == "event":
            wanted = event == number
        else:
            wanted = self.seen == number if kind == "nth" else self.seen >= number
        return wanted and not gfp & _NOFAIL

    def message(self) -> tuple[str, ...]:
        """None of the kernel's capabilities is at work: fail-nth's own words."""
        return ("FAULT_INJECTION: forcing a failure.", f"name {self.spec.text}")


class _Attribute:
    """fail_page_alloc or failslab behind one interface."""

    def __init__(self, spec: FaultSpec, roll: Callable[[], int], order: CheckOrder) -> None:
        from buddysim.fault.attr import FaultAttr
        from buddysim.fault.fail_page_alloc import FailPageAlloc
        from buddysim.fault.failslab import FailSlab
        from buddysim.fault.stack_filter import StackFilter

        self.spec = spec
        self.attr = FaultAttr(
            spec.kind,
            spec.probability,
            spec.interval,
            spec.times,
            spec.space,
            spec.verbose,
            bool(spec.task),
            StackFilter(spec.require, spec.reject, spec.stack_depth),
            roll,
            order,
        )
        self.slab: FailSlab | None = None
        self.page: FailPageAlloc | None = None
        if spec.kind == "failslab":
            self.slab = FailSlab(self.attr, spec.ignore_gfp_wait)
        else:
            self.page = FailPageAlloc(
                self.attr, spec.min_order, spec.ignore_gfp_highmem, spec.ignore_gfp_wait
            )

    def eligible(self, order: int, gfp: int, size_bytes: int | None) -> bool:
        """Past the capability's own gate."""
        if size_bytes is None:
            return self.page is not None and self.page.eligible(order, gfp)
        return self.slab is not None and self.slab.eligible(gfp)


def _parsed(text: str) -> FaultSpec:
    # Runs without injection do not pay for importing its grammar and its capabilities.
    from buddysim.fault.spec import parse_fault_spec

    return parse_fault_spec(text)


class FaultPlan:
    """The run's injection.  Without specifications it costs one test per request.

    ``stream(name)`` gives the random stream of a specification: a callable that returns 0..99.
    ``limiter(interval, burst)`` (jiffies) builds the rate limit of a message; none by default.
    ``specs`` may be texts or parsed; raises FaultSpecError and ConfigError.
    """

    def __init__(
        self,
        specs: Sequence[FaultSpec | str],
        stream: Callable[[str], Callable[[], int]],
        *,
        era: str = "6.12",
        hz: int = 250,
        limiter: Callable[[int, int], MessageLimiter] | None = None,
    ) -> None:
        self.specs = tuple(_parsed(spec) if isinstance(spec, str) else spec for spec in specs)
        self.hz = hz
        self.exempt = 0
        """Requests that some capability's own gate let pass unseen."""
        self.injected = 0
        self._era = era
        self._entries: list[_Position | _Attribute] = []
        self._limiters: list[MessageLimiter | None] = []
        for number, spec in enumerate(self.specs):
            attribute = spec.kind in {"fail_page_alloc", "failslab"}
            roll = stream(f"fault/{number}/{spec.kind}") if attribute else None
            self._entries.append(_Attribute(spec, roll, self._order) if roll else _Position(spec))
            limited = limiter is not None and spec.ratelimit_interval > 0
            self._limiters.append(
                limiter(spec.ratelimit_interval, spec.ratelimit_burst)
                if limited and limiter is not None
                else None
            )
        self._matches: dict[tuple[str, str], bool] = {}

    @cached_property
    def _order(self) -> CheckOrder:
        from buddysim.fault.attr import check_order_of

        return check_order_of(self._era)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def should_fail(
        self,
        order: int,
        gfp: int,
        caller: str,
        comm: str,
        context: int,
        *,
        size_bytes: int | None = None,
        frames: Sequence[str] = (),
        time_ns: int = 0,
        event: int = -1,
    ) -> FaultDecision | None:
        """Decide one request.  O(specifications), more with stack filters.

        ``gfp``: canonical mask.  ``context``: ``kernel.context.Context`` bits.  ``size_bytes``: the
        object size of a slab request, None for a page request of ``order``.  ``frames``: functions
        on the stack, innermost first; the caller alone when unknown.
        """
        failing = -1
        for number, entry in enumerate(self._entries):
            if entry.spec.caller and not self._match(caller, entry.spec.caller):
                continue
            if isinstance(entry, _Position):
                if size_bytes is None and entry.should_fail(gfp, event) and failing < 0:
                    failing = number
            elif failing < 0 and self._ask(
                entry,
                order,
                gfp,
                comm,
                context=context,
                size_bytes=size_bytes,
                frames=frames or (caller,),
            ):
                failing = number
        if failing < 0:
            return None
        self.injected += 1
        return self._decision(failing, gfp, time_ns, frames)

    def _ask(
        self,
        entry: _Attribute,
        order: int,
        gfp: int,
        comm: str,
        *,
        context: int,
        size_bytes: int | None,
        frames: Sequence[str],
    ) -> bool:
        if not entry.eligible(order, gfp, size_bytes):
            self.exempt += 1
            return False
        in_task = not context & _NOT_IN_TASK
        task = entry.spec.task
        return entry.attr.should_fail(
            1 << order if size_bytes is None else size_bytes,
            in_task=in_task,
            marked=not task or self._match(comm, task),
            frames=frames,
        )

    def _match(self, name: str, glob: str) -> bool:
        key = (name, glob)
        known = self._matches.get(key)
        if known is None:
            known = self._matches[key] = fnmatchcase(name, glob)
        return known

    def _decision(
        self, number: int, gfp: int, time_ns: int, frames: Sequence[str]
    ) -> FaultDecision:
        """With verbose 2 the message ends in the stack, as far as it is known."""
        entry = self._entries[number]
        message: tuple[str, ...] = ()
        quiet = gfp & _NOWARN and self._order.nowarn_is_silent
        if entry.spec.verbose and not quiet:
            message = self._limited(number, time_ns)
        if entry.spec.verbose > 1 and message and frames:
            message += ("Call Trace:", *(f" {frame}" for frame in frames))
        return FaultDecision(entry.spec, message)

    def _limited(self, number: int, time_ns: int) -> tuple[str, ...]:
        """The message as far as its rate limit lets it through (fact sheet 11.5)."""
        entry = self._entries[number]
        text = entry.attr.message() if isinstance(entry, _Attribute) else entry.message()
        limiter = self._limiters[number]
        if limiter is None:
            return text
        allowed, kept_back = limiter.ask(time_ns * self.hz // _NS_PER_S)
        notice = (f"fail_dump: {kept_back} callbacks suppressed",) if kept_back else ()
        return notice + (text if allowed else ())

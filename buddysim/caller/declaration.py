"""Callers written in Python: the decorator that declares one, and when it is called.

    @caller(context="softirq", trigger=every("1ms", times=500))
    def rx_refill(mm): ...

What a caller may do with ``mm`` is in ``replay/mm_api.py``; ``replay/schedule.py`` calls it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from buddysim.errors import ConfigError
from buddysim.kernel.context import CONTEXT_BY_NAME
from buddysim.units import parse_duration

__all__ = ["ATTRIBUTE", "CallerSpec", "Trigger", "caller", "every", "once"]

ATTRIBUTE = "__buddysim_caller__"
"""Where the decorator leaves its :class:`CallerSpec` on the function."""

Body = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Trigger:
    """Called ``times`` times from ``start_ns`` on, every ``period_ns``."""

    start_ns: int = 0
    period_ns: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class CallerSpec:
    """One declared caller."""

    name: str
    body: Body
    context: str = "process"
    trigger: Trigger = Trigger()
    transaction: bool = False
    """Every call is one piece of work: what it leaves live after a failure is a leak."""
    errors: tuple[str, ...] = ()
    """Errors it may end with beyond ENOMEM, ENOBUFS and EAGAIN."""
    free_null: bool = True
    priority: int = 0
    """Of callers due at the same time the smallest goes first."""
    allow: dict[str, str] = field(default_factory=dict)
    """Code of a finding that is by design -> reason."""
    invariants: tuple[Callable[[], bool], ...] = ()
    """Must hold whenever a call of it has ended."""
    path: str = ""
    line: int = 0


def every(period: str, *, times: int = 1, start: str = "0") -> Trigger:
    """``times`` calls, the first at ``start``, one every ``period`` (``1ms``).

    Raises ConfigError.
    """
    if times < 1:
        raise ConfigError(f"every(times={times})", expected="at least 1")
    return Trigger(_nanoseconds(start), _nanoseconds(period), times)


def once(at: str = "0") -> Trigger:
    """One call.  Raises ConfigError."""
    return Trigger(_nanoseconds(at))


def caller(
    body: Body | None = None,
    *,
    context: str = "process",
    trigger: Trigger | None = None,
    transaction: bool = False,
    errors: Iterable[str | int] = (),
    free_null: bool = True,
    priority: int = 0,
    allow: Mapping[str, str] | Iterable[str] = (),
    reason: str = "",
    invariant: Callable[[], bool] | Iterable[Callable[[], bool]] = (),
    name: str = "",
) -> Any:
    """Declare a function or generator function of one argument, ``mm``, as a caller.

    Without a trigger it is called once, at the start.  ``allow`` names findings that are by design,
    as ``{"BS106": "why"}`` or as codes with one ``reason``.  Raises ConfigError.
    """

    def declare(function: Body) -> Body:
        code = function.__code__
        spec = CallerSpec(
            name=name or function.__name__,
            body=function,
            context=context,
            trigger=trigger or Trigger(),
            transaction=transaction,
            errors=tuple(_errno_name(each) for each in errors),
            free_null=free_null,
            priority=priority,
            allow=_allowed(allow, reason),
            invariants=(invariant,) if callable(invariant) else tuple(invariant),
            path=code.co_filename,
            line=code.co_firstlineno,
        )
        setattr(function, ATTRIBUTE, spec)
        return function

    if context not in CONTEXT_BY_NAME:
        raise ConfigError(f"context {context!r}", expected=", ".join(CONTEXT_BY_NAME))
    return declare if body is None else declare(body)


def _allowed(allow: Mapping[str, str] | Iterable[str], reason: str) -> dict[str, str]:
    allowed = dict(allow) if isinstance(allow, Mapping) else dict.fromkeys(allow, reason)
    for code, why in allowed.items():
        if not why:
            raise ConfigError(
                f"allow {code} without a reason", expected=f'allow={{"{code}": "why"}}'
            )
    return allowed


def _errno_name(value: str | int) -> str:
    name = errno.errorcode.get(abs(value), "") if isinstance(value, int) else value
    if not hasattr(errno, name):
        raise ConfigError(f"errors={value!r}", expected="names such as ENOMEM")
    return name


def _nanoseconds(text: str) -> int:
    return 0 if text == "0" else int(parse_duration(text))

"""The words a hand-written trace uses for what a caller does when its allocation fails.

Only the grammar; ``caller/policy.py`` acts it out.
"""

from __future__ import annotations

from typing import NamedTuple

from buddysim.errors import ConfigError, did_you_mean
from buddysim.kernel.constants import MAX_PAGE_ORDER

__all__ = ["ACTION_VERBS", "ERRNO_NAMES", "Action", "format_actions", "parse_actions"]

ACTION_VERBS = (
    "drop",
    "error",
    "fallback",
    "ignore",
    "retry",
    "silent-drop",
    "succeed",
    "unwind",
    "vmalloc",
)
ERRNO_NAMES = (
    "E2BIG", "EACCES", "EADDRINUSE", "EAGAIN", "EBADF", "EBUSY", "EDQUOT", "EEXIST", "EFAULT",
    "EFBIG", "EIO", "EINTR", "EINVAL", "EMFILE", "EMSGSIZE", "ENFILE", "ENOBUFS", "ENODATA",
    "ENODEV", "ENOENT", "ENOLCK", "ENOLINK", "ENOMEM", "ENOSPC", "ENOSYS", "ENXIO", "EOPNOTSUPP",
    "EOVERFLOW", "EPERM", "EPIPE", "EPROTO", "ERANGE", "EREMOTEIO", "EROFS", "ETIMEDOUT",
)  # fmt: skip
_MAX_RETRIES = 1_000_000
_US = 1_000


class Action(NamedTuple):
    """One step: ``number`` is retry's count (0 = for ever) or fallback's order."""

    verb: str
    number: int = 0
    gap_ns: int = 0
    """Pause before each retry."""
    errno: str = ""


def parse_actions(text: str) -> tuple[Action, ...]:
    """``retry:3:50,fallback:0,error:ENOMEM`` to actions.

    Raises ConfigError with the column (from 1) within ``text`` and the nearest valid word.
    """
    actions = []
    column = 1
    for word in text.split(","):
        actions.append(_parse_action(word, column))
        column += len(word) + 1
    return tuple(actions)


def _parse_action(word: str, column: int) -> Action:
    verb, *arguments = word.split(":")
    if verb not in ACTION_VERBS:
        raise ConfigError(
            f"unknown action {verb!r}" if verb else "empty action",
            column=column,
            expected=", ".join(ACTION_VERBS),
            hint=did_you_mean(verb, ACTION_VERBS),
        )
    at = column + len(verb) + 1
    if verb == "retry" and len(arguments) in {1, 2}:
        number = _number(arguments[0], _MAX_RETRIES, "a number of retries, 0 = for ever", at)
        gap = arguments[1].removesuffix("us") if len(arguments) == 2 else "0"
        gap_us = _number(gap, 10**9, "a gap in microseconds", at + len(arguments[0]) + 1)
        return Action(verb, number, gap_us * _US)
    if verb == "fallback" and len(arguments) == 1:
        return Action(verb, _number(arguments[0], MAX_PAGE_ORDER, "an order 0 to 10", at))
    if verb == "error" and len(arguments) == 1:
        return Action(verb, errno=parse_errno(arguments[0], at))
    if verb in {"retry", "fallback", "error"} or arguments:
        wanted = {"retry": "retry:N or retry:N:GAP_US", "fallback": "fallback:ORDER",
                  "error": "error:ERRNO"}.get(verb, verb)  # fmt: skip
        raise ConfigError(f"action {word!r}", column=column, expected=wanted)
    return Action(verb)


def _number(text: str, largest: int, expected: str, column: int) -> int:
    if not text.isdecimal() or int(text) > largest:
        raise ConfigError(f"{text!r} in an action", column=column, expected=expected)
    return int(text)


def parse_errno(text: str, column: int = 1) -> str:
    """``ENOMEM`` or ``-ENOMEM`` to ``ENOMEM``.  Raises ConfigError."""
    name = text.removeprefix("-")
    if name not in ERRNO_NAMES:
        raise ConfigError(
            f"unknown errno {text!r}",
            column=column,
            expected="a name such as ENOMEM",
            hint=did_you_mean(name, ERRNO_NAMES),
        )
    return name


def format_actions(actions: tuple[Action, ...]) -> str:
    """The text that :func:`parse_actions` reads back."""
    return ",".join(_format_action(action) for action in actions)


def _format_action(action: Action) -> str:
    if action.verb == "retry":
        gap = f":{action.gap_ns // _US}" if action.gap_ns else ""
        return f"retry:{action.number}{gap}"
    if action.verb == "fallback":
        return f"fallback:{action.number}"
    return f"error:{action.errno}" if action.verb == "error" else action.verb

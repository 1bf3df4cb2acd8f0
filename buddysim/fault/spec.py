"""``--fault SPEC``: one line of text to one value, with errors that name the nearest word.

    fail_page_alloc:KEY=VALUE,...   the kernel's attribute over page requests
    failslab:KEY=VALUE,...          the same over slab requests
    nth:N     from:N     event:N    the Nth request, every one from the Nth, the one of event N
    caller=GLOB,nth=N               the Nth request of callers that match
    caller=GLOB,from=N              from the Nth on, every request of callers that match

Defaults of the attributes are the kernel's (fact sheet 11.1) but for ``times``: -1 (no limit)
instead of 1, and ``verbose``: 1.  nth, from and event know no gate but __GFP_NOFAIL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from buddysim.errors import FaultSpecError, nearest_word

__all__ = ["FaultSpec", "parse_fault_spec"]

_ATTRIBUTES = ("fail_page_alloc", "failslab")
_POSITIONS = ("nth", "from", "event")


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What to fail.  ``kind``: fail_page_alloc, failslab, nth, from or event.

    ``number`` counts from 1 (nth, from) or is an event's index from 0.  ``caller`` is a glob over
    caller names, empty for all; ``require``/``reject`` are globs over the stack's functions, or
    over the caller where there is no stack; ``task`` is a glob over task names that are marked
    with make-it-fail, empty for no task filter.
    """

    text: str
    kind: str
    number: int = 0
    caller: str = ""
    probability: int = 0
    interval: int = 1
    times: int = -1
    space: int = 0
    verbose: int = 1
    ratelimit_interval: int = 0
    ratelimit_burst: int = 10
    min_order: int = 1
    ignore_gfp_wait: bool = True
    ignore_gfp_highmem: bool = True
    require: str = ""
    reject: str = ""
    stack_depth: int = 32
    task: str = ""


# key: (field, kind of value, smallest, largest)
_COMMON: dict[str, tuple[str, str, int, int]] = {
    "probability": ("probability", "int", 0, 100),
    "interval": ("interval", "int", 0, 1 << 31),
    "times": ("times", "int", -1, 1 << 31),
    "space": ("space", "int", 0, 1 << 31),
    "verbose": ("verbose", "int", 0, 2),
    "verbose_ratelimit_interval_ms": ("ratelimit_interval", "int", 0, 1 << 31),
    "verbose_ratelimit_burst": ("ratelimit_burst", "int", 0, 1 << 31),
    "ignore-gfp-wait": ("ignore_gfp_wait", "bool", 0, 1),
    "require": ("require", "glob", 0, 0),
    "reject": ("reject", "glob", 0, 0),
    "stacktrace-depth": ("stack_depth", "int", 0, 32),
    "task": ("task", "glob", 0, 0),
    "caller": ("caller", "glob", 0, 0),
}
_KEYS = {
    "fail_page_alloc": {
        **_COMMON,
        "min-order": ("min_order", "int", 0, 10),
        "ignore-gfp-highmem": ("ignore_gfp_highmem", "bool", 0, 1),
    },
    "failslab": _COMMON,
}
_BOOLS = {"Y": True, "y": True, "1": True, "N": False, "n": False, "0": False}


def parse_fault_spec(text: str) -> FaultSpec:
    """Parse one ``--fault`` value.  Raises FaultSpecError with the column (from 1)."""
    head, colon, rest = text.strip().partition(":")
    if "=" in head:
        return _caller_spec(text.strip())
    if head in _POSITIONS:
        column = len(head) + 2
        smallest = 0 if head == "event" else 1
        return FaultSpec(text.strip(), head, _integer(rest, head, column, smallest, 1 << 62))
    if head not in _ATTRIBUTES:
        known = (*_ATTRIBUTES, *_POSITIONS, "caller")
        raise FaultSpecError(
            f"--fault {text!r}: unknown capability {head!r}",
            column=1,
            expected="fail_page_alloc:..., failslab:..., nth:N, from:N, event:N or caller=GLOB,...",
            hint=f"did you mean {nearest_word(head, known)}?",
        )
    return _attribute_spec(text.strip(), head, rest if colon else "")


def _attribute_spec(text: str, kind: str, rest: str) -> FaultSpec:
    spec = FaultSpec(text, kind)
    keys = _KEYS[kind]
    for column, key, value in _pairs(text, rest, len(kind) + 2):
        if key not in keys:
            raise FaultSpecError(
                f"--fault {text!r}: unknown attribute {key!r}",
                column=column,
                expected=", ".join(keys),
                hint=f"did you mean {nearest_word(key, tuple(keys))}?",
            )
        field, how, smallest, largest = keys[key]
        at = column + len(key) + 1
        parsed: Any = value
        if how == "int":
            parsed = _integer(value, key, at, smallest, largest)
        elif how == "bool":
            parsed = _boolean(value, key, at)
        elif not value:
            raise FaultSpecError(f"{key} without a glob", column=at, expected=f"{key}=GLOB")
        spec = replace(spec, **{field: parsed})
    return spec


def _caller_spec(text: str) -> FaultSpec:
    """``caller=GLOB,nth=N`` and its relatives, keys in any order."""
    glob, kind, number = "", "", 0
    for column, key, value in _pairs(text, text, 1):
        at = column + len(key) + 1
        if key == "caller":
            glob = value
        elif key in _POSITIONS:
            if kind:
                raise FaultSpecError(
                    f"both {kind} and {key}", column=column, expected="one of nth, from, event"
                )
            kind = key
            number = _integer(value, key, at, 0 if key == "event" else 1, 1 << 62)
        else:
            raise FaultSpecError(
                f"--fault {text!r}: unknown key {key!r}",
                column=column,
                expected="caller=GLOB with nth=N, from=N or event=N",
                hint=f"did you mean {nearest_word(key, ('caller', *_POSITIONS))}?",
            )
    if not kind:
        raise FaultSpecError(
            f"--fault {text!r} does not say which request", expected="nth=N, from=N or event=N"
        )
    return FaultSpec(text, kind, number, caller=glob)


def _pairs(text: str, rest: str, column: int) -> list[tuple[int, str, str]]:
    """(column, key, value) of ``k=v,k=v``; nothing for an empty text."""
    pairs = []
    for piece in rest.split(",") if rest else []:
        key, equals, value = piece.partition("=")
        if not equals:
            raise FaultSpecError(
                f"--fault {text!r}: {piece!r} has no value", column=column, expected="KEY=VALUE"
            )
        pairs.append((column, key.strip(), value.strip()))
        column += len(piece) + 1
    return pairs


def _integer(value: str, key: str, column: int, smallest: int, largest: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = smallest - 1
    if not smallest <= number <= largest:
        bound = f"{smallest}..{largest}" if largest <= 100 else f"a whole number from {smallest}"
        raise FaultSpecError(f"{key} {value!r}", column=column, expected=bound)
    return number


def _boolean(value: str, key: str, column: int) -> bool:
    if value not in _BOOLS:
        raise FaultSpecError(f"{key} {value!r}", column=column, expected="Y or N")
    return _BOOLS[value]

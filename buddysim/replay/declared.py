"""Policies for callers of recordings: ``--callers FILE.toml`` and the well-known call sites.

[[caller]]
glob = "e1000_*"             # of caller names; the first that matches decides
context = "softirq"          # where the recording does not tell
on_failure = "retry:3:50,drop"
errors = ["EIO"]             # may end with these beyond ENOMEM, ENOBUFS, EAGAIN
allow = {BS106 = "read-ahead is only an optimisation"}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buddysim.errors import ConfigError, InputError, did_you_mean
from buddysim.kernel.context import CONTEXT_BY_NAME, Context
from buddysim.source.action import Action, parse_actions, parse_errno

if TYPE_CHECKING:
    from buddysim.source.statement import CallerDeclaration, Script

__all__ = ["CallerRule", "DeclaredCallers", "declarations_of", "load_declared_callers"]

_KEYS = ("allow", "context", "errors", "glob", "on_failure")


@dataclass(frozen=True, slots=True)
class CallerRule:
    """One ``[[caller]]`` table."""

    glob: str
    context: int = int(Context.UNKNOWN)
    on_failure: tuple[Action, ...] = ()
    errors: tuple[str, ...] = ()
    allow: dict[str, str] = field(default_factory=dict)


class DeclaredCallers:
    """Rules in order; answers are remembered by caller name."""

    def __init__(self, rules: tuple[CallerRule, ...]) -> None:
        self.rules = rules
        # What a glob begins with literally tells most callers apart, and quickly.
        self._starts = [(_literal_start(rule.glob), rule) for rule in rules]
        self._known: dict[str, CallerRule | None] = {}

    def rule_for(self, caller: str) -> CallerRule | None:
        """The first rule whose glob matches, or None: then nothing is known and nothing guessed."""
        if caller not in self._known:
            matching = (
                rule
                for start, rule in self._starts
                if caller.startswith(start) and fnmatchcase(caller, rule.glob)
            )
            self._known[caller] = next(matching, None)
        return self._known[caller]


def _literal_start(glob: str) -> str:
    ends = [glob.find(special) for special in "*?["]
    return glob[: min((end for end in ends if end >= 0), default=len(glob))]


def load_declared_callers(path: str) -> DeclaredCallers:
    """The rules of a file (none for an empty path), then those of the well-known callers.

    Raises ConfigError naming file and key.
    """
    rules = _WELL_KNOWN
    if path:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read callers file: {error}", path=path) from None
        rules = _read(text, path) + rules
    return DeclaredCallers(rules)


def _well_known(glob: str, on_failure: str, context: Context = Context.UNKNOWN) -> CallerRule:
    return CallerRule(glob, int(context), parse_actions(on_failure))


_WELL_KNOWN: tuple[CallerRule, ...] = (
    _well_known("skb_page_frag_refill*", "fallback:0"),
    _well_known("alloc_skb_with_frags*", "fallback:0,error:ENOBUFS"),
    _well_known("*_alloc_rx_buffers*", "drop", Context.SOFTIRQ),
    _well_known("__kvmalloc_node*", "vmalloc"),
    _well_known("page_cache_ra_*", "drop"),
    _well_known("tlb_next_batch", "drop"),
)
"""Callers of recordings whose reaction to a failure is documented (fact sheet 14, 15)."""


def declarations_of(script: Script, callers_file: str) -> dict[str, CallerDeclaration]:
    """What is declared of a script's callers: by the script itself, else by the callers file.

    Raises ConfigError.
    """
    if not callers_file:
        return script.declarations
    from buddysim.source.statement import CallerDeclaration

    found = dict(script.declarations)
    from_file = load_declared_callers(callers_file)
    names = {int(bits): name for name, bits in CONTEXT_BY_NAME.items()}
    for caller in script.callers:
        rule = from_file.rule_for(caller)
        if caller not in found and rule is not None:
            found[caller] = CallerDeclaration(
                name=caller,
                context=names.get(rule.context, ""),
                on_failure=rule.on_failure,
                errors=rule.errors,
                allow=tuple(rule.allow),
            )
    return found


def _read(text: str, path: str) -> tuple[CallerRule, ...]:
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", path=path) from None
    tables = data.get("caller", [])
    if set(data) - {"caller"} or not isinstance(tables, list):
        raise ConfigError("holds more than [[caller]] tables", path=path)
    return tuple(_rule(table, path) for table in tables)


def _rule(table: dict[str, Any], path: str) -> CallerRule:
    for key in table:
        if key not in _KEYS:
            raise ConfigError(
                f"unknown key {key!r} in [[caller]]",
                path=path,
                expected=", ".join(_KEYS),
                hint=did_you_mean(key, _KEYS),
            )
    if not isinstance(table.get("glob"), str) or not table["glob"]:
        raise ConfigError("[[caller]] without a glob", path=path, expected='glob = "NAME*"')
    context = table.get("context")
    if context is not None and context not in CONTEXT_BY_NAME:
        raise ConfigError(f"context {context!r}", path=path, expected=", ".join(CONTEXT_BY_NAME))
    allow = table.get("allow", {})
    if not isinstance(allow, dict) or not all(isinstance(why, str) for why in allow.values()):
        raise ConfigError("allow", path=path, expected='{BS106 = "why"}')
    try:
        return CallerRule(
            glob=table["glob"],
            context=int(Context.UNKNOWN if context is None else CONTEXT_BY_NAME[context]),
            on_failure=parse_actions(table["on_failure"]) if "on_failure" in table else (),
            errors=tuple(parse_errno(name) for name in table.get("errors", [])),
            allow=dict(allow),
        )
    except InputError as error:
        where = f"caller {table['glob']!r}: {error.found}"
        raise ConfigError(where, path=path, expected=error.expected, hint=error.hint) from None
    except (AttributeError, TypeError):
        raise ConfigError(
            f"caller {table['glob']!r}: a value of the wrong kind", path=path
        ) from None

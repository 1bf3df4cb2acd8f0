"""Check a script's ``expect`` statements against what is known at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.errors import ConfigError, TraceError, did_you_mean
from buddysim.replay.expression import FUNCTIONS, Expression, parse_expression
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.story import Violation
from buddysim.source.statement import Statement

if TYPE_CHECKING:
    from buddysim.replay.stage import Stage

__all__ = ["FACT_NAMES", "Expectations"]

FACT_NAMES = ("failed", "free_pages", "live_handles", "live_pages", "open_transactions")
"""Names with a built-in meaning: of the whole machine (free_pages), else of the caller."""


class Expectations:
    """Parses each expression once; all of them before the story begins, to fail early."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        script = stage.script
        self._counters = {each.name for each in script.statements if each.operation == "count"}
        self._counters |= {f"{name}_dropped" for name in script.callers}
        self._parsed: dict[int, Expression] = {}
        for each in script.statements:
            if each.operation == "expect":
                self._parsed[each.line] = self._parse(each)

    def _parse(self, statement: Statement) -> Expression:
        """Check one expression.  Raises TraceError with its line and column."""
        try:
            parsed = parse_expression(statement.name)
        except ConfigError as error:
            at = statement.column + max(error.column - 1, 0)
            raise self._wrong(statement, error.found, error.expected, error.hint, at) from None
        known = {*FACT_NAMES, *self._counters}
        for name in parsed.names:
            if name not in known:
                expected = "a counter of this script, " + ", ".join(FACT_NAMES)
                raise self._wrong(
                    statement, f"unknown name {name!r}", expected, did_you_mean(name, known)
                )
        handles = self._stage.script.handles
        for name in parsed.handles:
            if name not in handles:
                found = f"unknown handle {name!r}"
                raise self._wrong(statement, found, "", did_you_mean(name, handles))
        return parsed

    def _wrong(
        self, statement: Statement, found: str, expected: str, hint: str, column: int = 0
    ) -> TraceError:
        return TraceError(
            f"{found} in an expression" if found.startswith("unknown") else found,
            path=self._stage.script.path,
            line=statement.line,
            column=column or statement.column,
            expected=expected,
            hint=hint,
        )

    def check(self, statement: Statement, seen: FirstSeen) -> None:
        """Evaluate one statement; records a violation when it is false."""
        stage, expression = self._stage, self._parsed[statement.line]
        names = {name: self._fact(name, statement.caller) for name in expression.names}
        handles = {
            (function, name): self._state(function, name)
            for name in expression.handles
            for function in FUNCTIONS
        }
        if expression.value(names, handles):
            return
        values = ", ".join(f"{name} = {value}" for name, value in sorted(names.items()))
        stage.facts.violations.append(
            Violation(
                expression.text,
                seen.event,
                seen.line,
                seen.time_ns,
                stage.script.callers[statement.caller],
                stage.latest_episode.get(statement.caller, -1),
                values,
            )
        )

    def _fact(self, name: str, caller: int) -> int:
        stage = self._stage
        if name in self._counters:
            return stage.run.result.counters.get(name, 0)
        if name == "free_pages":
            return sum(zone.free for zone in stage.run.machine.zones)
        if name == "live_pages":
            return stage.run.loop.live_pages[caller]
        if name == "live_handles":
            mine = [each for each in stage.handles.values() if each.caller == caller]
            return sum(1 for each in mine if each.blocks)
        if name == "open_transactions":
            return stage.open_transactions(caller)
        return stage.run.tally.of(caller).failed

    def _state(self, function: str, name: str) -> bool:
        handle = self._stage.handles.get(self._stage.script.handles.index(name))
        if handle is None:
            return False
        if function == "live":
            return bool(handle.blocks)
        return handle.freed is not None if function == "freed" else not handle.blocks

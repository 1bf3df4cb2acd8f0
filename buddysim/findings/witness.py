"""The shortest witness: delete statements of a script while the finding stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from buddysim.errors import InputError
from buddysim.findings.finding import Finding
from buddysim.findings.registry import find_all
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.source.script import ScriptTrace, format_script
from buddysim.source.statement import Script, Statement

__all__ = ["Witness", "shrink"]


@dataclass(frozen=True, slots=True)
class Witness:
    """A script in which one finding stands nearly alone."""

    text: str
    statements: int
    faults: tuple[str, ...]


def shrink(
    script: Script, config: ReplayConfig, finding: Finding, faults: tuple[str, ...] = ()
) -> Witness | None:
    """A script with the finding's code and caller; None when it does not come back even whole.

    One more deletion of any single statement, or of the prelude, loses the finding.
    O(statements^2) replays at worst, usually far fewer.
    """
    config = replace(config, faults=faults)

    def shows(candidate: Script) -> bool:
        try:
            found = find_all(replay(ScriptTrace(candidate), config))
        except InputError:
            return False
        return any((each.code, each.caller) == (finding.code, finding.caller) for each in found)

    if not shows(script):
        return None
    own = [each for each in script.statements if script.callers[each.caller] == finding.caller]
    if shows(replace(script, statements=own)):
        script = replace(script, statements=own)
    kept = _ddmin(script.statements, lambda part: shows(replace(script, statements=part)))
    script = _without_prelude(replace(script, statements=kept), shows)
    script = _once_each(script, shows)
    script = _without_idle_declarations(script)
    return Witness(format_script(script), len(script.statements), faults)


def _ddmin(
    statements: Sequence[Statement], shows: Callable[[list[Statement]], bool]
) -> list[Statement]:
    """Zeller's delta debugging: ever smaller pieces are left out while the finding stays."""
    kept, pieces = list(statements), 2
    while len(kept) >= 2:
        size = -(-len(kept) // pieces)
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            if shows(rest):
                kept, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(pieces * 2, len(kept))
    return kept


def _without_prelude(script: Script, shows: Callable[[Script], bool]) -> Script:
    for item in list(script.prelude):
        smaller = replace(script, prelude=[each for each in script.prelude if each is not item])
        if shows(smaller):
            script = smaller
    return script


def _once_each(script: Script, shows: Callable[[Script], bool]) -> Script:
    """``repeat=`` as small as the finding allows, by halves."""
    for index, statement in enumerate(script.statements):
        repeat = statement.repeat
        while repeat > 1:
            shorter = list(script.statements)
            shorter[index] = replace(statement, repeat=repeat // 2)
            smaller = replace(script, statements=shorter)
            if not shows(smaller):
                break
            script, repeat = smaller, repeat // 2
    return script


def _without_idle_declarations(script: Script) -> Script:
    """Only callers that still do something."""
    acting = {script.callers[each.caller] for each in script.statements}
    declared = {name: each for name, each in script.declarations.items() if name in acting}
    return replace(script, declarations=declared)

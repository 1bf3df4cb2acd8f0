"""Every rule, and all findings of a run."""

from __future__ import annotations

from collections.abc import Container, Sequence

from buddysim.errors import ConfigError, nearest_word
from buddysim.findings.finding import Finding
from buddysim.findings.rule import Rule
from buddysim.findings.rules import (
    allocates_after_failure,
    contradictory_gfp,
    costly_order,
    double_free,
    hidden_failure,
    hoards,
    leak_on_error_path,
    mixes_pageblocks,
    needless_atomic,
    never_exercised,
    no_lower_order_fallback,
    noise,
    null_dereference,
    reclaim_recursion,
    reserve_abuse,
    retry_drains_reserve,
    retry_storm,
    silent_data_loss,
    sleep_in_atomic,
    state_half_updated,
    survives_one,
    swallowed_failure,
    unstable,
    use_after_free,
    warning_hog,
    wrong_error,
    wrong_order_free,
)
from buddysim.replay.outcome import RunResult

__all__ = ["RULES", "find_all", "find_allowed", "rule_of"]

_MODULES = (
    null_dereference,
    leak_on_error_path,
    double_free,
    use_after_free,
    wrong_order_free,
    swallowed_failure,
    silent_data_loss,
    wrong_error,
    survives_one,
    state_half_updated,
    sleep_in_atomic,
    needless_atomic,
    retry_storm,
    retry_drains_reserve,
    no_lower_order_fallback,
    costly_order,
    contradictory_gfp,
    reserve_abuse,
    reclaim_recursion,
    allocates_after_failure,
    noise,
    hidden_failure,
    warning_hog,
    mixes_pageblocks,
    hoards,
    never_exercised,
    unstable,
)
RULES: tuple[Rule, ...] = tuple(module.RULE for module in _MODULES)
"""By code, ascending."""


def rule_of(word: str) -> Rule:
    """The rule with a code (``BS101``) or name (``null-dereference``).  Raises ConfigError."""
    for rule in RULES:
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    known = [rule.code for rule in RULES] + [rule.name for rule in RULES]
    raise ConfigError(
        f"unknown rule {word!r}",
        expected="a code or name",
        hint=f"did you mean {nearest_word(word, known)}?",
    )


def find_all(run: RunResult, codes: Container[str] | None = None) -> list[Finding]:
    """Findings of every rule but the allowed ones: errors first, then by code, place and caller.

    With ``codes`` only of these rules.
    """
    rules = [rule for rule in RULES if codes is None or rule.code in codes]
    found = _detect(run, rules)
    return [finding for finding in found if finding.code not in _allowed(run, finding)]


def find_allowed(run: RunResult) -> list[tuple[Finding, str]]:
    """Findings that their caller is declared to be allowed, each with the reason."""
    found = []
    for finding in _detect(run):
        reasons = _allowed(run, finding)
        if finding.code in reasons:
            found.append((finding, reasons[finding.code]))
    return found


def _detect(run: RunResult, rules: Sequence[Rule] = RULES) -> list[Finding]:
    found = [finding for rule in rules for finding in rule.detect(run)]
    return sorted(found, key=_rank)


def _rank(finding: Finding) -> tuple[int, str, int, str]:
    first = finding.evidence[0].event if finding.evidence else -1
    return (-finding.severity.weight, finding.code, first, finding.caller)


def _allowed(run: RunResult, finding: Finding) -> dict[str, str]:
    for stats in run.callers:
        if stats.caller == finding.caller:
            return stats.allow
    return {}

"""The catalogue is complete: one file a rule, codes and names unique, every text there."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

import buddysim.findings.rules
from buddysim.errors import ConfigError
from buddysim.findings.registry import RULES, rule_of
from buddysim.findings.rule import Rule

_FOLDER = Path(buddysim.findings.rules.__file__).parent


def test_every_rule_file_is_registered() -> None:
    names = {path.stem for path in _FOLDER.glob("*.py")} - {"__init__"}
    found = [import_module(f"buddysim.findings.rules.{name}").RULE for name in sorted(names)]
    assert {rule.code for rule in found} == {rule.code for rule in RULES}


def test_codes_ascend_and_are_unique() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_text_is_there(rule: Rule) -> None:
    assert re.fullmatch(r"BS\d{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    for entry in fields(rule):
        assert getattr(rule, entry.name), entry.name
    for text in (rule.what, rule.why, rule.known_problems, rule.use_instead):
        assert text[-1] in ".?", text
    assert any(rule.code in reference for reference in rule.references)


def test_rules_are_found_by_code_and_by_name() -> None:
    assert rule_of("bs101") is rule_of("null-dereference")
    with pytest.raises(ConfigError, match="did you mean null-dereference"):
        rule_of("null-derefrence")

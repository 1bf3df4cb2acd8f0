"""Callers files: what they say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.context import Context
from buddysim.replay.declared import load_declared_callers
from buddysim.source.action import Action


def test_well_known_sites_are_known_without_a_file() -> None:
    rule = load_declared_callers("").rule_for("skb_page_frag_refill")
    assert rule is not None
    assert rule.on_failure == (Action("fallback", 0),)
    assert load_declared_callers("").rule_for("some_driver") is None


def test_a_file_comes_first_and_its_first_match_decides(tmp_path: Path) -> None:
    path = tmp_path / "callers.toml"
    path.write_text(
        '[[caller]]\nglob = "skb_*"\ncontext = "softirq"\non_failure = "drop"\n'
        'errors = ["EIO"]\nallow = {BS205 = "no scatter gather"}\n'
        '[[caller]]\nglob = "*"\n',
        encoding="utf-8",
    )
    declared = load_declared_callers(str(path))
    rule = declared.rule_for("skb_page_frag_refill")
    assert rule is not None
    assert rule.on_failure == (Action("drop"),)
    assert (rule.context, rule.errors) == (Context.SOFTIRQ, ("EIO",))
    assert rule.allow == {"BS205": "no scatter gather"}
    assert declared.rule_for("anything") is declared.rules[1]


@pytest.mark.parametrize(
    ("glob", "caller", "matches"),
    [
        ("e1000_*", "e1000_alloc", True),
        ("e1000_*", "e100_alloc", False),
        ("e1000?", "e1000e", True),
        ("e100[0-9]_x", "e1005_x", True),
        ("e100[0-9]_x", "e100a_x", False),
        ("*_rx", "igb_rx", True),
        ("plain", "plain", True),
        ("plain", "plainer", False),
    ],
)
def test_globs_match_whole_names(tmp_path: Path, glob: str, caller: str, matches: bool) -> None:
    path = tmp_path / "callers.toml"
    path.write_text(f'[[caller]]\nglob = "{glob}"\n', encoding="utf-8")
    rule = load_declared_callers(str(path)).rule_for(caller)
    assert (rule is not None and rule.glob == glob) is matches


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[caller", "not TOML"),
        ("[caller]\nglob = 1", "more than"),
        ("[[caller]]\n", "without a glob"),
        ('[[caller]]\nglob = "a"\non_failur = "drop"', "did you mean on_failure"),
        ('[[caller]]\nglob = "a"\non_failure = "dorp"', "did you mean drop"),
        ('[[caller]]\nglob = "a"\non_failure = 3', "wrong kind"),
        ('[[caller]]\nglob = "a"\ncontext = "sleepy"', "process"),
        ('[[caller]]\nglob = "a"\nallow = ["BS106"]', "allow"),
        ('[[caller]]\nglob = "a"\nerrors = ["EWHAT"]', "errno"),
        ("[other]\n", "more than"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "callers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words) as caught:
        load_declared_callers(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_declared_callers(str(tmp_path / "none.toml"))

"""Witnesses: short, readable, and showing what they are named after."""

from __future__ import annotations

import shlex
from pathlib import Path

from buddysim.cli._witness import write_witnesses
from buddysim.findings.registry import find_all
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.source.open import open_trace

ROGUES = Path(__file__).resolve().parents[3] / "traces" / "rogues.trace"
CODES = ("BS101", "BS102", "BS106", "BS203", "BS302")


def test_witnesses_are_short_and_show_the_finding(tmp_path: Path) -> None:
    config = ReplayConfig()
    findings = find_all(replay(open_trace(str(ROGUES)), config))
    wanted = [each for each in findings if each.code in CODES]
    assert write_witnesses(str(ROGUES), config, wanted, tmp_path) == len(CODES)
    for path in sorted(tmp_path.iterdir()):
        text = path.read_text()
        assert text.count("\n") <= 12, text
        assert shlex.split(text.splitlines()[0].removeprefix("# "))[:2] == ["buddysim", "replay"]
        code = path.name.partition("-")[0]
        assert code in {each.code for each in find_all(replay(open_trace(str(path)), config))}

"""Planted bugs in many shapes: each is found, on the right line, and nothing else."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from buddysim.cli.explore import explore_file
from buddysim.findings.exploration import explored_findings
from buddysim.findings.finding import Severity
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import ExploreOptions

_SOURCE = Path(__file__).resolve().parents[1] / "scenarios" / "pairs.py"
_SPEC = importlib.util.spec_from_file_location("scenario_pairs", _SOURCE)
assert _SPEC is not None
assert _SPEC.loader is not None
pairs = sys.modules.setdefault("scenario_pairs", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(pairs)


def planted(text: str) -> set[tuple[str, int]]:
    """(code, line) of the marked lines."""
    lines = (pairs.HEAD + text).splitlines()
    marks = [(line.rpartition("# ")[2], number) for number, line in enumerate(lines, 1)]
    return {(mark, number) for mark, number in marks if mark.startswith("BS")}


@pytest.mark.parametrize("name", pairs.PAIRS)
def test_planted_bugs_are_found_and_nothing_else(name: str, tmp_path: Path) -> None:
    text = pairs.PAIRS[name]
    path = tmp_path / "scenario.py"
    path.write_text(pairs.HEAD + text)
    found = explore_file(str(path), ReplayConfig(), ExploreOptions())
    findings = [each for each in explored_findings(found) if each.severity is not Severity.NOTE]
    assert {(each.code, each.evidence[0].line) for each in findings} == planted(text)
    assert not [each.trouble for each in found.attempts if each.trouble]

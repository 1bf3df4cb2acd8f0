"""Each rogue's finding has a witness short enough to read, and a repro line that shows it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.cli.explore import explore_file
from buddysim.findings.exploration import explored_findings
from buddysim.findings.finding import Finding
from buddysim.findings.registry import find_all
from buddysim.findings.witness import shrink
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.exploration import ExploreOptions
from buddysim.source.open import open_trace
from buddysim.source.script import ScriptTrace

ROGUES = Path(__file__).resolve().parents[2] / "traces" / "rogues.trace"
_LINES = 12


def findings() -> list[Finding]:
    return find_all(replay(open_trace(str(ROGUES)), ReplayConfig()))


@pytest.mark.minutes
def test_every_witness_is_at_most_twelve_lines() -> None:
    found = findings()
    assert len(found) >= 25
    for finding in found:
        trace = open_trace(str(ROGUES))
        assert isinstance(trace, ScriptTrace)
        witness = shrink(trace.script, ReplayConfig(), finding)
        assert witness is not None, finding.code
        lines = [line for line in witness.text.splitlines() if line.strip()]
        assert len(lines) <= _LINES, (finding.code, witness.text)


@pytest.mark.parametrize("code", ["BS101", "BS303"])
def test_the_short_and_the_long_witness(code: str) -> None:
    finding = next(each for each in findings() if each.code == code)
    trace = open_trace(str(ROGUES))
    assert isinstance(trace, ScriptTrace)
    witness = shrink(trace.script, ReplayConfig(), finding)
    assert witness is not None
    assert len([line for line in witness.text.splitlines() if line.strip()]) <= _LINES


@pytest.mark.minutes
def test_repro_lines_of_explored_rogues_show_the_finding_again() -> None:
    options = ExploreOptions(strategy="site", caller="bs1*", schedules=("transient",))
    found = explore_file(str(ROGUES), ReplayConfig(), options)
    for finding in explored_findings(found):
        if finding.origin != "injected":
            continue
        fault = finding.repro.rpartition("--fault ")[2].strip("'")
        again = find_all(replay(open_trace(str(ROGUES)), ReplayConfig(faults=(fault,))))
        keys = {(each.code, each.caller) for each in again}
        assert (finding.code, finding.caller) in keys, finding.repro

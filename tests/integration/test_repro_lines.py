"""A finding's repro line, pasted into a shell, shows the finding again."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from buddysim.findings.finding import Finding
from buddysim.findings.registry import find_all
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[2] / "traces"
_FAULT = "fail_page_alloc:probability=30,min-order=0,ignore-gfp-wait=N,ignore-gfp-highmem=N"
_STORY = """\
@machine mem=16M min_free_kbytes=512
@caller rx context=softirq on_failure=ignore
@caller fs context=process on_failure=error:ENOMEM
@caller net context=softirq on_failure=fallback:0
@caller odd[1] context=process on_failure=error:EIO
"""


def _findings(path: str, faults: tuple[str, ...], seed: int) -> list[Finding]:
    return find_all(replay(open_trace(path), ReplayConfig(faults=faults, seed=seed)))


@cache
def _rerun(command: str) -> frozenset[tuple[str, str, int]]:
    """(code, caller, line) of the findings of a ``buddysim replay`` command line."""
    words = shlex.split(command)
    assert words[:2] == ["buddysim", "replay"]
    options = list(zip(words[3::2], words[4::2], strict=True))
    faults = tuple(value for name, value in options if name == "--fault")
    seeds = [int(value) for name, value in options if name == "--seed"]
    assert {name for name, _ in options} <= {"--fault", "--seed"}
    found = _findings(words[2], faults, seeds[0] if seeds else 0)
    return frozenset(_key(finding) for finding in found)


def _key(finding: Finding) -> tuple[str, str, int]:
    return finding.code, finding.caller, finding.evidence[0].line


def _story(path: Path) -> str:
    lines = [_STORY]
    for turn in range(20):
        lines.append(f"{turn}.1 rx alloc r{turn} gfp=GFP_ATOMIC\n+1us rx use r{turn}\n")
        lines.append(f"+1us rx free r{turn}\n+1us fs begin t{turn}\n+1us fs alloc a{turn}\n")
        lines.append(f"+1us fs alloc b{turn}\n+1us fs free b{turn}\n+1us fs free a{turn}\n")
        lines.append(f"+1us fs end t{turn} ok\n+1us net alloc n{turn} order=3 gfp=GFP_ATOMIC\n")
        lines.append(f"+1us net free n{turn}\n+1us odd[1] begin o{turn}\n")
        lines.append(f"+1us odd[1] alloc c{turn}\n+1us odd[1] free c{turn}\n")
        lines.append(f"+1us odd[1] end o{turn} ok\n")
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def test_injected_findings_come_back_when_injected_alone(tmp_path: Path) -> None:
    path = _story(tmp_path / "a story.trace")
    alone = 0
    for seed in range(6):
        for finding in _findings(path, (_FAULT,), seed):
            assert _key(finding) in _rerun(finding.repro), finding.repro
            alone += "nth=" in finding.repro
    assert alone >= 6


def test_natural_findings_come_back() -> None:
    for finding in _findings(str(TRACES / "rogues.trace"), (), 0):
        assert _key(finding) in _rerun(finding.repro)

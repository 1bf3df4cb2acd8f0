"""The shipped drivers: every planted bug is found, and nothing else."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from buddysim.cli.explore import explore_file
from buddysim.cli.main import main
from buddysim.findings.exploration import explored_findings
from buddysim.findings.finding import Severity
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import ExploreOptions

DRIVERS = Path(__file__).resolve().parents[2] / "traces" / "drivers"

PLANTED = {
    "ring_refill": set(),
    "bounce_buffer": set(),
    "fs_transaction": set(),
    "ring_refill_broken": {
        ("rx_refill", "BS109"),
        ("rx_poll_naive", "BS101"),
        ("rx_stats", "BS107"),
        ("rx_stubborn", "BS203"),
    },
    "bounce_buffer_broken": {
        ("bounce_write", "BS209"),
        ("bounce_end", "BS104"),
        ("bounce_clone", "BS108"),
    },
    "fs_transaction_broken": {
        ("fs_write", "BS102"),
        ("fs_commit", "BS106"),
        ("fs_reserve", "BS110"),
        ("fs_truncate", "BS103"),
        ("fs_mount", "BS108"),
    },
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_bugs_and_nothing_else(name: str) -> None:
    found = explore_file(str(DRIVERS / f"{name}.py"), ReplayConfig(), ExploreOptions())
    findings = [each for each in explored_findings(found) if each.severity is not Severity.NOTE]
    assert {(each.caller, each.code) for each in findings} == PLANTED[name]
    assert len(findings) == len(PLANTED[name])
    assert sum(each.failed_points for each in found.coverage().values()) == len(found.points)


@pytest.mark.parametrize("name", PLANTED)
def test_repro_lines_reproduce(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Notes too.  A streak's finding comes back as what the streak brings about."""
    found = explore_file(str(DRIVERS / f"{name}.py"), ReplayConfig(), ExploreOptions())
    for finding in explored_findings(found):
        if finding.code == "BS901":
            continue
        words = shlex.split(finding.repro)
        assert words[:2] == ["buddysim", "run"]
        main([*words[1:], "--format", "json"])
        again = json.loads(capsys.readouterr().out)["findings"]
        place = (finding.caller, finding.evidence[0].line)
        codes = {
            each["code"] for each in again if (each["caller"], each["evidence"][0]["line"]) == place
        }
        assert codes if finding.code == "BS109" else finding.code in codes, finding.repro


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs a shell")
def test_a_repro_line_works_in_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "a driver's copy.py"
    path.write_text((DRIVERS / "fs_transaction_broken.py").read_text())
    found = explore_file(str(path), ReplayConfig(), ExploreOptions())
    leak = next(each for each in explored_findings(found) if each.code == "BS102")
    line = leak.repro.replace("buddysim", f"{shlex.quote(sys.executable)} -m buddysim", 1)
    done = subprocess.run(
        ["bash", "-c", line], cwd=DRIVERS.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "BS102" in done.stdout

"""The terminal report at several widths: nothing wider than the terminal, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.present.terminal import report_svg, report_text
from buddysim.replay.engine import replay
from buddysim.report.build import Report, build_report
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[2] / "traces"


@pytest.fixture(scope="module")
def report() -> Report:
    built = build_report(replay(open_trace(str(TRACES / "nowarn-debate.trace"))))
    built["events_per_second"] = 0
    built["build"] = "compiled"
    built["trace"]["path"] = "traces/nowarn-debate.trace"
    return built


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_it_fits_and_says_everything(report: Report, width: int) -> None:
    text = report_text(report, width=width)
    lines = text.splitlines()
    commands = [line for line in lines if line.startswith("  $ ")]
    assert max(len(line) for line in lines if line not in commands) <= width
    words = " ".join(text.split())
    assert words.startswith("3 callers mishandle failures: broken_snapshot")
    for title in ("Zones at the end", "Failures by cause", "Warnings", "Callers", "Findings"):
        assert any(line.startswith(title) for line in lines), title
    for finding in report["findings"]:
        assert f"{finding['code']} {finding['name']}" in words
    assert "\x1b[" not in text


def test_rendering_twice_gives_the_same_bytes_and_leaves_the_report_alone(report: Report) -> None:
    import copy

    before = copy.deepcopy(report)
    assert report_text(report, width=80) == report_text(report, width=80)
    assert report_svg(report) == report_svg(report)
    assert report == before


def test_names_stand_as_they_are(report: Report) -> None:
    odd = {**report["callers"][0], "caller": "probe [red]x[/red] :warning:"}
    zone = {**report["zones"][0], "name": "[dim]"}
    text = report_text({**report, "callers": [odd], "zones": [zone]}, width=160)
    assert "probe [red]x[/red] :warning:" in text
    assert "0 [dim] " in text

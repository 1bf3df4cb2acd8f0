"""The comparison at several widths: nothing wider than the terminal, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.present.compare import compare_text
from buddysim.replay.comparison import Side, compare
from buddysim.replay.config import ReplayConfig
from buddysim.report.build import Report
from buddysim.report.compare import build_compare_report

TRACES = Path(__file__).resolve().parents[2] / "traces"
GOLDEN_80 = """\
B fails more: 376 requests failed in A, 1,764 in B
better off in B: bs208_reserve_abuse, bs204_retry_drains_reserve
worse off in B: bs402_hoards
"""
PARTING_80 = """\
First request with another result ──────────────────────────────────────────────
event 6,203, line 122, 460s: bs402_hoards asks for order 0, GFP_KERNEL
A succeeded, page 0x105c
  before: 0 Normal free 2,000 (min 256, low 320, high 384), largest order 0
B failed (natural), below-watermark: 49 pages short in Normal
  before: 0 Normal free 2,000 (min 2,048, low 2,560, high 3,072), largest order
  0
"""


@pytest.fixture(scope="module")
def report() -> Report:
    path = str(TRACES / "rogues.trace")
    setting = ("min_free_kbytes=8192",)
    sides = Side(path, ReplayConfig()), Side(path, ReplayConfig(sysctl=setting), setting)
    return build_compare_report(compare(*sides))


@pytest.mark.parametrize("width", [60, 80, 160])
def test_it_fits_and_says_everything(report: Report, width: int) -> None:
    text = compare_text(report, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert all(line == line.rstrip() for line in text.splitlines())
    words = " ".join(text.split())
    for title in ("Numbers", "Free blocks at the end", "Callers whose account differs"):
        assert any(line.startswith(title) for line in text.splitlines()), title
    for said in (report["a"]["digest"], report["b"]["digest"], "with min_free_kbytes=8192"):
        assert said in words
    assert "1616 0 0 0 0 0 0 0 0 0 0" in words
    assert "\x1b[" not in text


def test_the_answer_and_the_event_at_80_columns(report: Report) -> None:
    text = compare_text(report, width=80)
    assert text.startswith(GOLDEN_80)
    assert PARTING_80 in text


def test_at_160_columns_a_zone_takes_one_line(report: Report) -> None:
    text = compare_text(report, width=160)
    assert "(min 2,048, low 2,560, high 3,072), largest order 0\n" in text


def test_rendering_twice_gives_the_same_bytes(report: Report) -> None:
    assert compare_text(report, width=80) == compare_text(report, width=80)

"""The gfp verb on terminals of two widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from buddysim.present.gfp import render_gfp
from buddysim.report.gfp import answer_gfp


def shown(text: str, profile: str | None = None, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render_gfp(answer_gfp(text, profile)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_kernel_says_everything() -> None:
    text = shown("0x4020", "2.6.25")
    for words in (
        "GFP_ATOMIC|__GFP_COMP",
        "may sleep           no",
        "wakes kswapd        yes",
        "half of the min watermark",
        "37.5 %",
        "Unmovable",
        "Normal on x86-64",
        "in the kernel log",
    ):
        assert words in text


def test_kernels_that_agree_share_a_line_and_likely_ones_are_marked() -> None:
    lines = shown("0x4020").splitlines()
    marked = [line for line in lines if line.rstrip().endswith(" *")]
    assert [line.split()[:4] for line in marked] == [
        ["2.6.25", "to", "3.13", "0x4020"],
    ]
    assert any(line.startswith("4.4 to 4.19") for line in lines)
    assert any(line.startswith("*:") for line in lines)


def test_contradictions_unknown_bits_and_lost_flags_are_flagged() -> None:
    assert "contradiction: __GFP_NOFAIL without" in shown("GFP_ATOMIC|__GFP_NOFAIL", "6.12")
    assert "0x80000000 means nothing in 6.12" in shown("0x80000cc0", "6.12")
    assert "2.6.25 has no __GFP_ACCOUNT" in shown("GFP_KERNEL|__GFP_ACCOUNT", "2.6.25")
    assert "- __GFP_ACCOUNT" in shown("GFP_KERNEL|__GFP_ACCOUNT", width=160)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = shown("0x342ca", width=width) + shown("0x342ca", "4.9", width=width)
    assert max(map(len, text.splitlines())) <= width


def test_memalloc_knows_no_watermark() -> None:
    assert "nothing: no watermark applies" in shown("GFP_KERNEL|__GFP_MEMALLOC", "6.12")
    assert "stops at no watermark" in shown("GFP_KERNEL|__GFP_MEMALLOC")


def test_zero_reads_as_none() -> None:
    assert "none" in shown("0x0", "6.12")

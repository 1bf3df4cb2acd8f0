"""The terminal form of an inspection, from a literal one."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from buddysim.present.inspect import render_inspection
from buddysim.report.inspect import CallerContexts, Inspection


def inspection() -> Inspection:
    return Inspection(
        path="a [b].txt",
        format="ftrace",
        layout="comm-pid [cpu] time: lines",
        profile="",
        events=3,
        events_by_kind={"mm_page_alloc": 2, "mm_page_free": 1},
        failed_allocations=1,
        span_ns=2_500_000,
        cpus=[0, 3],
        callers=1,
        lines=9,
        skipped_lines=2,
        lost_events=4,
        truncated=True,
        reconciled={"free_unknown": 1, "alloc_live": 0},
        orders_by_migratetype={"UNMOVABLE": [0, 0, 7] + [0] * 8, "MOVABLE": [0] * 11},
        contexts={"softirq": 2},
        by_caller=[CallerContexts("e1000_rx", 2, 1, {"softirq": 2})],
    )


def render(width: int) -> str:
    out = StringIO()
    Console(file=out, width=width, no_color=True).print(render_inspection(inspection()))
    return out.getvalue()


def test_summary_comes_first_and_brackets_are_not_markup() -> None:
    text = render(100)
    assert text.startswith("a [b].txt: 3 events in 2.5ms, 1 callers, 1 failed allocation\n")
    assert "comm-pid [cpu] time: lines" in text


def test_losses_cuts_and_oddities_are_said() -> None:
    text = render(100)
    for said in ("4 events overran", "ends in the middle", "9, 2 skipped", "free_unknown"):
        assert said in text
    assert "alloc_live" not in text
    assert "give --profile" in text


def test_orders_without_pages_take_no_column() -> None:
    row = next(line for line in render(80).splitlines() if "UNMOVABLE" in line)
    assert row.split() == ["UNMOVABLE", "7"]


def test_narrow_terminals_lose_no_line() -> None:
    assert "e1000_rx" in render(60)
    assert max(map(len, render(60).splitlines())) <= 60

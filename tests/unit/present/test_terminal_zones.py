"""Sparklines over time and the holders' lines."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType

from buddysim.present.terminal_holders import render_holders
from buddysim.present.terminal_zones import render_history, sparkline


def text_of(drawn: RenderableType) -> list[str]:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(drawn)
    return [line.rstrip() for line in capture.get().splitlines()]


def report(samples: int, *, unusable: float = 0.5) -> dict[str, Any]:
    rows = [
        {
            "free_pages": [100 - at],
            "unusable_index": [[0.0, unusable]],
            "largest_order": [10 if at else 4],
            "failed": at,
        }
        for at in range(samples)
    ]
    held = [{"caller": "x" * 40, "peak_pages": samples - 1, "pages": list(range(samples))}]
    return {"zones": [{"node": 0, "name": "Normal"}], "samples": rows, "occupancy": held}


def test_every_series_has_its_line() -> None:
    lines = text_of(render_history(report(4)))
    names = [line[:22].strip() for line in lines]
    assert names == [
        "0 Normal free",
        "unusable 9",
        "largest order",
        "held by " + "x" * 13 + "…",
        "failures",
    ]
    assert lines[0].endswith("97..100 pages")
    assert lines[1].endswith("0.50..0.50")
    assert lines[2].endswith("4..10")
    assert lines[3].endswith("peak 3, end 3")
    assert lines[4].endswith("3 in all")


def test_what_never_moves_is_left_out() -> None:
    still = report(3, unusable=0.0)
    for row in still["samples"]:
        row["largest_order"] = [10]
    assert [line.split()[0] for line in text_of(render_history(still))] == ["0", "held", "failures"]


def test_many_samples_are_thinned_with_both_ends() -> None:
    lines = text_of(render_history(report(500)))
    assert max(map(len, lines)) <= 80
    assert lines[-1].split("  ")[-1] == "499 in all"
    assert "█" in lines[-1]


def test_a_sparkline_is_bounded() -> None:
    assert sparkline([-1, 0, 5, 10, 20], 10) == "  ▄██"
    assert sparkline([1, 2], 0) == "  "


def failure(caller: str, **told: object) -> dict[str, Any]:
    holding = {"caller": "hog", "pages": 1234, "blocks": 0}
    row = {"caller": caller, "order": 2, "cause": "fragmented", "event": 7, "time_ns": 1_000_000}
    return {**row, "holders": [holding], "in_the_way": [], **told}


def test_one_failure_of_each_kind_tells_its_holders() -> None:
    near = [{"caller": "leak", "pages": 9, "blocks": 1}, {"caller": "b", "pages": 4, "blocks": 2}]
    rows = [failure("rx", holders=[]), failure("rx", in_the_way=near), failure("rx"), failure("tx")]
    drawn = render_holders(rows)
    assert drawn is not None
    assert text_of(drawn) == [
        "rx  order 2, fragmented, event 7 at 1ms",
        "  held by     hog 1,234",
        "  in the way  leak 9 in 1 place, b 4 in 2 places",
        "tx  order 2, fragmented, event 7 at 1ms",
        "  held by     hog 1,234",
    ]


def test_many_kinds_are_counted_and_none_is_silent() -> None:
    drawn = render_holders([failure(f"c{n}") for n in range(9)])
    assert drawn is not None
    assert text_of(drawn)[-1] == "... and 5 more kinds of failure (--format json)"
    assert render_holders([failure("rx", holders=[])]) is None

"""Three lines of a report decide, and anything less is not guessed at."""

from __future__ import annotations

import pytest

from buddysim.lesson.log_reading import read_by_hand
from buddysim.lesson.play import play_run

FIRST = "swapper: page allocation failure. order:{order}, mode:0x4020"
ZONE = "Node 0 Normal free:{free}kB boost:0kB min:100kB low:125kB high:150kB"
BLOCKS = "Node 0 Normal: 50*4kB (U) 3*8kB (M) 0*16kB 1*32kB = 256kB"


def report(order: int = 1, free: int = 400) -> list[str]:
    return ["noise", FIRST.format(order=order), ZONE.format(free=free), "noise", BLOCKS]


@pytest.mark.parametrize(("order", "blocks"), [(0, 54), (1, 4), (2, 1), (3, 1), (4, 0)])
def test_only_blocks_at_or_above_the_order_count(order: int, blocks: int) -> None:
    assert read_by_hand(report(order)).blocks_big_enough == blocks


@pytest.mark.parametrize(
    ("order", "free", "cause"),
    [(4, 400, "fragmented"), (0, 99, "below-watermark"), (1, 400, "other")],
)
def test_the_lines_decide_in_order(order: int, free: int, cause: str) -> None:
    assert read_by_hand(report(order, free)).cause == cause


@pytest.mark.parametrize("missing", [1, 2, 4])
def test_a_missing_line_is_not_guessed(missing: int) -> None:
    lines = report()
    del lines[missing]
    assert read_by_hand(lines) is None


def test_the_machines_own_report_is_read_back() -> None:
    run = play_run("log.trace")
    reading = read_by_hand(run.warnings.lines)
    assert reading.free_kb == 4 * run.failures[0].zones[0].free
    assert (reading.order, reading.cause) == (run.failures[0].order, run.failures[0].cause)

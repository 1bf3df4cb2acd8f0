"""Why a request went as it did, read off the lists before and after it."""

from __future__ import annotations

import pytest

from buddysim.lesson.step import why_failed, why_freed, why_worked
from buddysim.replay.failure_row import FailureRow, ZoneLook
from buddysim.replay.film import ZoneFrame


def lists(*nr_free: int, name: str = "Normal") -> tuple[ZoneFrame, ...]:
    counts = (*nr_free, *[0] * (11 - len(nr_free)))
    free = sum(count << order for order, count in enumerate(counts))
    return (ZoneFrame(name, 0, free, 1, 2, 3, counts),)


def refused(verdict: str, origin: str = "natural", order: int = 1) -> FailureRow:
    look = ZoneLook("Normal", 0, 8, 5, 2, 3, 4, verdict)
    return FailureRow(0, 0, 0, "c", "t", order, 0, 0, "x", origin, "none", zones=(look,))


def test_a_block_of_the_right_order_is_simply_taken() -> None:
    assert why_worked(1, lists(0, 2), lists(0, 1)) == ("Normal: a free block of order 1 was there",)


def test_a_bigger_block_is_split_and_its_halves_named() -> None:
    (reason,) = why_worked(0, lists(0, 0, 0, 1), lists(1, 1, 1, 0))
    assert reason == "Normal: taken 1 of order 3, and split: what is left has order 2, 1, 0"


def test_an_unchanged_list_means_a_per_cpu_list() -> None:
    assert "per-cpu list" in why_worked(0, lists(3), lists(3))[0]
    assert "per-cpu list" in why_freed(lists(3), lists(3))[0]


def test_a_merge_names_the_buddies_it_met() -> None:
    (reason,) = why_freed(lists(1, 1, 1, 0), lists(0, 0, 0, 1))
    assert reason == "Normal: met free buddies of order 0, 1, 2, merged up to order 3"


def test_a_block_without_free_buddy_stays() -> None:
    assert "no free buddy" in why_freed(lists(0), lists(1))[0]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("not-allowed", "does not allow this zone"),
        ("below-watermark", "8 free is 4 short of what this mask must leave (mark 5, reserve 2)"),
        ("reserved", "3 of 8 free pages are kept for others"),
        ("fragmented", "8 pages are free, but no free blocks are of order 1 or more"),
        ("wrong-migratetype", "type this mask may not take"),
        ("passes", "would have passed"),
    ],
)
def test_every_verdict_has_words(verdict: str, words: str) -> None:
    (reason,) = why_failed(refused(verdict), lists(8))
    assert reason.startswith("Normal: ")
    assert words in reason


def test_an_injected_failure_says_so() -> None:
    assert "fault injection" in why_failed(refused("passes", "injected"), lists(8))[0]

"""Declared actions: tried left to right, all or nothing, bounded."""

from __future__ import annotations

import pytest

from buddysim.caller.policy import ENDLESS_RETRIES, act_out, declares_fallback
from buddysim.source.action import parse_actions


class _Hands:
    """A machine whose answers are scripted; remembers what was asked of it."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.asked: list[int] = []
        self.returned: list[tuple[int, int]] = []
        self.slept = 0
        self.unwound = 0

    def ask(self, order: int) -> int:
        self.asked.append(order)
        return self.answers.pop(0) if self.answers else -1

    def give_back(self, pfn: int, order: int) -> None:
        self.returned.append((pfn, order))

    def sleep(self, ns: int) -> None:
        self.slept += ns

    def unwind(self) -> None:
        self.unwound += 1


@pytest.mark.parametrize(
    ("actions", "resolution"),
    [
        ("drop", "dropped"),
        ("silent-drop", "silently-dropped"),
        ("error:EIO", "error"),
        ("ignore", "ignored"),
        ("succeed", "succeeded-without"),
        ("retry:2,drop", "dropped"),
        ("fallback:0,vmalloc,error:ENOMEM", "error"),
        ("unwind", "ignored"),
        ("retry:0,drop", "endless"),
    ],
)
def test_what_settles_the_matter_when_nothing_is_free(actions: str, resolution: str) -> None:
    assert act_out(parse_actions(actions), 2, _Hands([])).resolution == resolution


def test_no_steps_means_ignore() -> None:
    assert act_out((), 0, _Hands([5])).resolution == "ignored"


def test_retry_pauses_and_stops_at_the_first_success() -> None:
    hands = _Hands([-1, -1, 40])
    outcome = act_out(parse_actions("retry:5:50,drop"), 3, hands)
    assert (outcome.resolution, outcome.blocks, outcome.retries) == ("retried", [(40, 3)], 3)
    assert hands.slept == 150_000


def test_retry_for_ever_is_stopped() -> None:
    hands = _Hands([])
    assert act_out(parse_actions("retry:0"), 0, hands).retries == ENDLESS_RETRIES
    assert len(hands.asked) == ENDLESS_RETRIES


def test_fallback_takes_blocks_that_add_up() -> None:
    hands = _Hands([8, 16, 24, 32])
    outcome = act_out(parse_actions("fallback:1"), 3, hands)
    assert outcome.blocks == [(8, 1), (16, 1), (24, 1), (32, 1)]
    assert hands.asked == [1, 1, 1, 1]


def test_fallback_gives_everything_back_when_it_falls_short() -> None:
    hands = _Hands([8, 16, -1])
    outcome = act_out(parse_actions("fallback:0,unwind,error:ENOMEM"), 2, hands)
    assert hands.returned == [(16, 0), (8, 0)]
    assert (outcome.resolution, outcome.errno, hands.unwound) == ("error", "ENOMEM", 1)


def test_vmalloc_takes_single_pages() -> None:
    outcome = act_out(parse_actions("vmalloc"), 2, _Hands([1, 9, 5, 7]))
    assert outcome.blocks == [(1, 0), (9, 0), (5, 0), (7, 0)]


def test_a_fallback_to_a_larger_order_asks_for_the_order_itself() -> None:
    hands = _Hands([64])
    act_out(parse_actions("fallback:5"), 2, hands)
    assert hands.asked == [2]


def test_fallbacks_are_recognised() -> None:
    assert declares_fallback(parse_actions("retry:1,vmalloc"))
    assert not declares_fallback(parse_actions("retry:1,drop"))

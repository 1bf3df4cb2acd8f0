"""Questions are spread and distinct; points follow the answer."""

from __future__ import annotations

import pytest

from buddysim.lesson.quiz import ANSWERS, Score, pick_questions, right_key
from buddysim.lesson.step import Step


def step(number: int, cause: str = "", *, caller: str = "rx", is_request: bool = True) -> Step:
    return Step(
        number, 0, 0, "6.12", caller, "alloc", is_request, number % 3, 0, bool(cause), cause,
        (), (), (),
    )  # fmt: skip


def test_points_are_two_one_or_none() -> None:
    score = Score()
    assert score.grade(step(0), "w").points == 2
    assert score.grade(step(0, "fragmented"), "f").points == 2
    assert score.grade(step(0, "fragmented"), "b").points == 1
    assert score.grade(step(0, "fragmented"), "w").points == 0
    assert score.grade(step(0), "b").points == 0
    assert score.line() == "5 of 10 points (50 %)"


def test_a_score_without_questions_has_a_line() -> None:
    assert Score().line() == "0 of 0 points (0 %)"


@pytest.mark.parametrize("key", sorted(set(ANSWERS) - {"w"}))
def test_every_cause_has_its_key(key: str) -> None:
    assert right_key(step(0, ANSWERS[key])) == key


def test_half_of_the_questions_are_failures_where_there_are_enough() -> None:
    steps = [step(n, "fragmented" if n % 2 else "", caller=f"c{n}") for n in range(100)]
    picked = pick_questions(steps, 10)
    assert [question.failed for question in picked].count(True) == 5
    assert [question.number for question in picked] == sorted(
        question.number for question in picked
    )


def test_repetitions_and_frees_give_no_question() -> None:
    same = [step(0) for _ in range(50)]
    assert len(pick_questions(same)) == 1
    assert pick_questions([step(0, is_request=False)]) == []


def test_a_trace_without_failures_still_fills_the_quiz() -> None:
    assert len(pick_questions([step(n, caller=f"c{n}") for n in range(30)], 8)) == 8

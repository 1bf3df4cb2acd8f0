"""Lessons, steps and questions on a console of fixed width; keys from terminals and pipes."""

from __future__ import annotations

import io
import os
import pty

from rich.console import Console

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.quiz import Score
from buddysim.lesson.step import Step
from buddysim.present.keys import read_key
from buddysim.present.lesson import (
    render_answer,
    render_lesson,
    render_list,
    render_question,
    render_step,
)
from buddysim.replay.film import ZoneFrame

SEEN = Observation({"pages": 1234, "share": 0.5}, (Table("T", ("a", "b"), (("x", "1"),)),))
LESSON = Lesson(
    number=1,
    name="one",
    title="First",
    text="A *word* to\nnote.\n\nAnother paragraph.",
    play=lambda: SEEN,
    claims=(
        Claim("{pages} pages.", lambda n: n["pages"] > 0),
        Claim("{share} is one.", lambda n: n["share"] == 1),
    ),
    exercises=(Exercise("Why?", "Because."),),
    scenario="one.trace",
)


def zone(*nr_free: int) -> ZoneFrame:
    counts = (*nr_free, *[0] * (11 - len(nr_free)))
    return ZoneFrame("Normal", 0, 7, 1, 2, 3, counts)


def step(cause: str = "") -> Step:
    return Step(
        number=4,
        line=9,
        time_ns=2000,
        profile="6.12",
        caller="rx",
        text="alloc a",
        is_request=True,
        order=1,
        gfp=0,
        failed=bool(cause),
        cause=cause,
        before=(zone(3, 2),),
        after=(zone(3, 1),),
        why=("of this",),
    )


def text_of(renderable: object, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_lesson_shows_words_tables_claims_and_exercises() -> None:
    text = text_of(render_lesson(LESSON, SEEN, "one.trace"))
    assert "A word to note." in text
    assert "holds 1,234 pages." in text
    assert "FAILS 0.5 is one." in text
    assert "Why?" in text


def test_the_list_names_every_lesson() -> None:
    assert "one" in text_of(render_list([LESSON]))


def test_a_step_shows_both_lists_and_the_reason() -> None:
    text = text_of(render_step(step("fragmented")))
    assert "line 9, 2us, rx: alloc a" in text
    assert "failed: fragmented" in text
    assert text.index("before") < text.index("after")
    assert "because of this" in text


def test_a_question_gives_nothing_away() -> None:
    text = text_of(render_question(step("fragmented"), 1, 3))
    assert "Question 1 of 3" in text
    assert "after" not in text
    assert "because" not in text
    assert "failed" not in text


def test_an_answer_tells_what_happened() -> None:
    score = Score()
    text = text_of(render_answer(step("fragmented"), score.grade(step("fragmented"), "b"), score))
    assert "for another reason" in text
    assert "fragmented" in text
    assert "1 of 2 points" in text


def test_nothing_is_wider_than_the_console() -> None:
    for renderable in (
        render_lesson(LESSON, SEEN, "a.trace"),
        render_step(step()),
        render_list([LESSON]),
    ):
        assert max(map(len, text_of(renderable, 60).splitlines())) <= 60


def test_a_pipe_gives_the_first_letter_of_each_line_then_nothing() -> None:
    lines = io.StringIO("W\n\nfoo\n")
    assert [read_key(lines) for _ in range(4)] == ["w", "\n", "f", ""]


def test_a_terminal_gives_each_key_at_once() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as terminal:
        os.write(master, b"Q\r")
        assert read_key(terminal) == "q"
        assert read_key(terminal) == "\n"
    os.close(master)

"""Every lesson's claims still hold, in time, and its scenario is there to walk through."""

from __future__ import annotations

import re
import time

import pytest

from buddysim.cli.main import VERBS
from buddysim.errors import ConfigError
from buddysim.lesson.course import LESSONS, lesson_of
from buddysim.lesson.lesson import Lesson, Observation, Table
from buddysim.lesson.play import play_steps, scenario_path
from buddysim.lesson.record import contents_record, lesson_record
from buddysim.source.script import open_script

SECONDS_MAX = 10
_PLAYED: dict[str, Observation] = {}


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.name)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return request.param


def played(lesson: Lesson) -> Observation:
    if lesson.name not in _PLAYED:
        _PLAYED[lesson.name] = lesson.play()
    return _PLAYED[lesson.name]


def test_it_takes_less_than_ten_seconds(lesson: Lesson) -> None:
    started = time.process_time()
    played(lesson)
    assert time.process_time() - started < SECONDS_MAX


def test_every_claim_holds(lesson: Lesson) -> None:
    seen = played(lesson)
    broken = [claim.shown(seen.numbers) for claim in lesson.claims if not claim.holds(seen.numbers)]
    assert broken == []


def test_every_claim_can_be_false(lesson: Lesson) -> None:
    """A claim that holds for any numbers claims nothing."""
    nonsense = {name: -12345.0 * place for place, name in enumerate(played(lesson).numbers, 3)}
    assert not all(claim.holds(nonsense) for claim in lesson.claims)


def test_its_scenario_is_a_script_with_at_least_one_request(lesson: Lesson) -> None:
    script = open_script(scenario_path(lesson.scenario))
    assert any(len(batch) for batch in script.batches())


def test_its_scenario_can_be_walked_with_a_reason_for_every_event(lesson: Lesson) -> None:
    _, steps = play_steps(lesson.scenario)
    assert steps
    assert all(step.why for step in steps)


def test_it_has_words_and_exercises(lesson: Lesson) -> None:
    assert len(lesson.text.split()) > 80
    assert len(lesson.claims) >= 2
    assert len(lesson.exercises) >= 2
    record = lesson_record(lesson, played(lesson))
    assert all(claim["holds"] for claim in record["claims"])


def test_its_exercises_name_only_verbs_that_exist(lesson: Lesson) -> None:
    words = " ".join([lesson.text, *(exercise.hint for exercise in lesson.exercises)])
    verbs = set(re.findall(r"buddysim (\w+)", words))
    assert verbs <= {verb.name for verb in VERBS}


def test_playing_twice_gives_the_same_numbers() -> None:
    first = lesson_of("fragmentation")
    assert first.play().numbers == first.play().numbers


def test_there_are_ten_numbered_in_order_with_distinct_names() -> None:
    assert [lesson.number for lesson in LESSONS] == list(range(1, 11))
    assert len({lesson.name for lesson in LESSONS}) == 10
    assert len(contents_record(LESSONS)["lessons"]) == 10


def test_a_lesson_is_found_by_name_and_number() -> None:
    assert lesson_of("flood") is lesson_of("8")
    with pytest.raises(ConfigError, match="one of buddies"):
        lesson_of("flod")


def test_a_table_refuses_a_row_of_the_wrong_width() -> None:
    with pytest.raises(ValueError, match="row"):
        Table("t", ("a", "b"), (("1",),))

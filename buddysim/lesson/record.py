"""A lesson's outcome as plain data for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from buddysim.lesson.lesson import Lesson, Observation

__all__ = ["SCHEMA", "contents_record", "lesson_record"]

SCHEMA = "buddysim/lesson/1"


def contents_record(lessons: Sequence[Lesson]) -> dict[str, Any]:
    """The list of lessons."""
    rows = [{"number": each.number, "name": each.name, "title": each.title} for each in lessons]
    return {"schema": SCHEMA, "lessons": rows}


def lesson_record(lesson: Lesson, seen: Observation) -> dict[str, Any]:
    """One lesson played: every claim with its verdict, every table, every number."""
    return {
        "schema": SCHEMA,
        "lesson": lesson.name,
        "number": lesson.number,
        "title": lesson.title,
        "claims": [
            {"text": claim.shown(seen.numbers), "holds": claim.holds(seen.numbers)}
            for claim in lesson.claims
        ],
        "numbers": {name: float(value) for name, value in sorted(seen.numbers.items())},
        "tables": [
            {"title": each.title, "columns": each.columns, "rows": each.rows}
            for each in seen.tables
        ],
        "exercises": [{"question": each.question, "hint": each.hint} for each in lesson.exercises],
    }

"""Lessons, steps and quiz questions as rich renderables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from buddysim.kernel.gfp import encode_mask
from buddysim.kernel.gfp_reading import read_mask
from buddysim.lesson import lesson as model
from buddysim.lesson.quiz import ANSWERS, Answer, Score
from buddysim.lesson.step import Step
from buddysim.replay.film import ZoneFrame
from buddysim.units import format_duration

__all__ = [
    "render_answer",
    "render_lesson",
    "render_list",
    "render_question",
    "render_step",
]

_ORDERS = range(11)


def render_list(lessons: Sequence[model.Lesson]) -> RenderableType:
    """The table of contents."""
    table = Table(box=None, padding=(0, 2), show_header=False)
    for lesson in lessons:
        table.add_row(f"{lesson.number:>2}", Text(lesson.name, style="bold"), lesson.title)
    return Group(table, Text("\nbuddysim lesson NAME [--step | --quiz | --live]", style="dim"))


def render_lesson(lesson: model.Lesson, seen: model.Observation, scenario: str) -> RenderableType:
    """The whole lesson: words, numbers, claims with their verdicts, exercises.

    ``scenario`` is the path to copy and play with.
    """
    parts: list[RenderableType] = [
        Text(f"Lesson {lesson.number}: {lesson.title}", style="bold underline"),
        Text(),
        *_paragraphs(lesson.text),
    ]
    for table in seen.tables:
        parts += [Text(table.title, style="bold"), _table(table)]
    parts.append(Text("What was claimed, and what came out", style="bold"))
    parts += [_claims(lesson, seen), Text(), Text("Exercises", style="bold")]
    parts += [_exercises(lesson), Text()]
    parts.append(Text(f"The scenario to copy and change: {scenario}", style="dim"))
    return Padding(Group(*parts), (0, 1))


def _paragraphs(text: str) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for paragraph in text.split("\n\n"):
        line = Text()
        for place, piece in enumerate(" ".join(paragraph.split()).split("*")):
            line.append(piece, style="italic" if place % 2 else "")
        parts += [line, Text()]
    return parts


def _table(table: model.Table) -> Table:
    drawn = Table(box=SIMPLE_HEAD)
    for place, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def _claims(lesson: model.Lesson, seen: model.Observation) -> Table:
    grid = Table.grid(padding=(0, 1))
    for claim in lesson.claims:
        holds = claim.holds(seen.numbers)
        mark = Text("holds" if holds else "FAILS", style="green" if holds else "bold red")
        grid.add_row(mark, Text(claim.shown(seen.numbers)))
    return grid


def _exercises(lesson: model.Lesson) -> Table:
    grid = Table.grid(padding=(0, 1))
    for number, exercise in enumerate(lesson.exercises, 1):
        grid.add_row(f"{number}.", Text(exercise.question))
        grid.add_row("", Text(exercise.hint, style="dim"))
    return grid


def render_step(step: Step) -> RenderableType:
    """One event: what it was, how it ended, the lists before and after, and why."""
    outcome = Text(f"failed: {step.cause}", style="bold red") if step.failed else Text("done")
    return Panel(
        Group(outcome, *_lists(step.before, step.after), *_reasons(step)),
        title=_headline(step),
        title_align="left",
    )


def render_question(step: Step, number: int, total: int) -> RenderableType:
    """The same without the outcome, and the possible answers."""
    keys = Columns([f"{key}) {answer}" for key, answer in ANSWERS.items()], padding=(0, 2))
    return Panel(
        Group(_rights(step), *_lists(step.before, step.before), Text(), keys),
        title=Text(f"Question {number} of {total}: ").append_text(_headline(step)),
        title_align="left",
    )


def _rights(step: Step) -> Text:
    """What the mask allows: the half of the answer that the lists do not show."""
    reading = read_mask(encode_mask(step.gfp, step.profile), step.profile)
    sleeps = "may sleep and reclaim" if reading.may_sleep else "may not sleep"
    share = f"{reading.min_mark_percent:g} % of min"
    leave = f"must leave {share}" if reading.min_mark_percent else "may take everything"
    return Text(f"{reading.names}: {sleeps}, {leave}", style="dim")


def render_answer(step: Step, answer: Answer, score: Score) -> RenderableType:
    """Right or wrong, what happened, and the score so far."""
    words = {2: ("Right.", "green"), 1: ("It fails, but for another reason.", "yellow")}
    text, style = words.get(answer.points, ("No.", "red"))
    verdict = Text(text, style=style).append(f"  {ANSWERS[answer.right]}", style="bold")
    return Group(verdict, *_reasons(step), Text(score.line(), style="dim"), Text())


def _headline(step: Step) -> Text:
    where = f"line {step.line}" if step.line else f"event {step.number}"
    return Text(f"{where}, {format_duration(step.time_ns)}, {step.caller}: {step.text}")


def _reasons(step: Step) -> list[RenderableType]:
    return [Text(f"because {reason}") for reason in step.why]


def _lists(before: Sequence[ZoneFrame], after: Sequence[ZoneFrame]) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for old, new in zip(before, after, strict=True):
        table = Table(box=None, padding=(0, 1), show_edge=False)
        table.add_column(f"{old.name}", justify="left")
        table.add_column("free", justify="right")
        for order in _ORDERS:
            table.add_column(str(order), justify="right", style="dim", min_width=3)
        table.add_row("before", f"{old.free}", *(str(count) for count in old.nr_free))
        if old != new:
            table.add_row("after", f"{new.free}", *_changed(old, new))
        marks = Text(f"marks: min {new.min}, low {new.low}, high {new.high} pages", style="dim")
        drawn += [table, marks]
    return drawn


def _changed(old: ZoneFrame, new: ZoneFrame) -> list[Text]:
    cells = []
    for before, after in zip(old.nr_free, new.nr_free, strict=True):
        style = "dim" if before == after else "bold green" if after > before else "bold red"
        cells.append(Text(str(after), style=style))
    return cells

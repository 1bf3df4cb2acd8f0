"""``buddysim lesson``: the teaching scenarios, step by step, as a quiz, or live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buddysim.cli import _options as options
from buddysim.cli._output import check_format, emit
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from buddysim.lesson.lesson import Lesson, Observation
    from buddysim.lesson.step import Step
    from buddysim.replay.config import ReplayConfig

__all__ = ["lesson"]

_QUIT = ("q", "")
_QUESTIONS = 10
_EVENTS = 5000


def lesson(
    name: Annotated[
        str, typer.Argument(metavar="NAME|TRACE", help="A lesson, or a trace of your own.")
    ] = "",
    *,
    step: Annotated[bool, typer.Option("--step", help="Walk event by event.")] = False,
    quiz: Annotated[bool, typer.Option("--quiz", help="Guess what happens, keep score.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Play it back on the screen.")] = False,
    questions: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Questions of the quiz; 10 by default.")
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="--step and --quiz go this far; 5000 by default."),
    ] = None,
    profile: options.ProfileOption = None,
    fault: options.FaultOption = None,
    seed: options.SeedOption = 0,
    output_format: options.FormatOption = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Teaching scenarios about memory pressure; without a name, the list of them.

    --profile, --fault and --seed change what --step, --quiz and --live play.  Exit status 1 means
    that a lesson's claim no longer holds.

    Examples:

        buddysim lesson fragmentation

        buddysim lesson buddies --step

        buddysim lesson traces/rogues.trace --quiz --questions 5
    """
    from buddysim.replay.config import ReplayConfig

    modes = step + quiz + live
    changes = profile is not None or bool(fault) or seed != 0
    _check(name, modes, output_format, output, changes=changes)
    _belongs(quiz or questions is None, "--questions", "--quiz")
    _belongs(step or quiz or events is None, "--events", "--step or --quiz")
    config = ReplayConfig(profile=profile, faults=tuple(fault or ()), seed=seed)
    if step or quiz:
        walked = _steps(_scenario(name), config, events or _EVENTS)
        _quiz(walked, questions or _QUESTIONS) if quiz else _walk(walked)
    elif live:
        from buddysim.present.tui.run import run_live

        run_live(_scenario(name), config)
    elif name:
        _play(name, output_format == "json", output, quiet=quiet)
    else:
        _contents(output_format == "json", output)


def _check(
    name: str, modes: int, output_format: str | None, output: Path | None, *, changes: bool
) -> None:
    """Refuse what would otherwise be ignored."""
    if modes > 1:
        raise ConfigError("--step, --quiz and --live together", expected="one of them")
    check_format(output_format)
    if modes and not name:
        raise ConfigError("no lesson named", hint="buddysim lesson lists them")
    if modes and (output is not None or output_format == "json"):
        raise ConfigError("--step, --quiz and --live need the screen", hint="no -o, no json")
    if changes and not modes:
        raise ConfigError(
            "a lesson's claims are about its own machine",
            hint="--profile, --fault and --seed go with --step, --quiz or --live",
        )


def _belongs(fits: bool, option: str, mode: str) -> None:
    if not fits:
        raise ConfigError(f"{option} without {mode}")


def _contents(as_json: bool, output: Path | None) -> None:
    from buddysim.lesson.course import LESSONS
    from buddysim.lesson.record import contents_record
    from buddysim.present.lesson import render_list

    if as_json:
        emit(json.dumps(contents_record(LESSONS), indent=2) + "\n", output)
    else:
        emit(_drawn(render_list(LESSONS), output), output)


def _play(name: str, as_json: bool, output: Path | None, *, quiet: bool) -> None:
    from buddysim.lesson.play import scenario_path
    from buddysim.lesson.record import lesson_record
    from buddysim.present.lesson import render_lesson

    chosen = _lesson(name)
    with _busy(f"playing {chosen.name}", quiet=quiet):
        seen = chosen.play()
    if as_json:
        emit(json.dumps(lesson_record(chosen, seen), indent=2) + "\n", output)
    else:
        scenario = scenario_path(chosen.scenario)
        emit(_drawn(render_lesson(chosen, seen, scenario), output), output)
    if not _all_hold(chosen, seen):
        raise typer.Exit(1)


def _all_hold(chosen: Lesson, seen: Observation) -> bool:
    return all(claim.holds(seen.numbers) for claim in chosen.claims)


def _lesson(name: str) -> Lesson:
    from buddysim.lesson.course import lesson_of

    return lesson_of(name)


def _scenario(name: str) -> str:
    """The trace behind a lesson's name, or the path itself when it is a file."""
    from buddysim.lesson.play import scenario_path

    return name if Path(name).is_file() else scenario_path(_lesson(name).scenario)


def _steps(path: str, config: ReplayConfig, events: int) -> list[Step]:
    from buddysim.lesson.play import step_trace
    from buddysim.source.open import open_trace

    _, steps = step_trace(open_trace(path, profile=config.profile), config, events)
    return steps


def _walk(steps: list[Step]) -> None:
    from buddysim.present.keys import read_key
    from buddysim.present.lesson import render_step

    console = _console()
    console.print("Enter: next event.  b: back.  f: next failure.  q: quit.")
    at = 0
    while at < len(steps):
        console.print(render_step(steps[at]))
        key = read_key()
        if key in _QUIT:
            return
        if key == "b":
            at = max(at - 1, 0)
        elif key == "f":
            at = _next_failure(steps, at)
        else:
            at += 1
    console.print("That was the last event.")


def _next_failure(steps: list[Step], at: int) -> int:
    later = range(at + 1, len(steps))
    return next((place for place in later if steps[place].failed), len(steps))


def _quiz(steps: list[Step], questions: int) -> None:
    from buddysim.lesson.quiz import Score, pick_questions
    from buddysim.present.lesson import render_answer, render_question

    console, score = _console(), Score()
    picked = pick_questions(steps, questions)
    if not picked:
        raise ConfigError("there is no request in this trace to ask about")
    for number, asked in enumerate(picked, 1):
        console.print(render_question(asked, number, len(picked)))
        key = _answer_key(console)
        if key in _QUIT:
            break
        console.print(render_answer(asked, score.grade(asked, key), score))
    console.print(f"Score: {score.line()}")


def _answer_key(console: Console) -> str:
    from buddysim.lesson.quiz import ANSWERS
    from buddysim.present.keys import read_key

    while (key := read_key()) not in ANSWERS and key not in _QUIT:
        console.print(f"Press one of {' '.join(ANSWERS)}, or q to stop.")
    return key


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def _busy(what: str, *, quiet: bool) -> Iterator[None]:
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def _drawn(renderable: RenderableType, output: Path | None) -> str:
    from rich.console import Console

    console = _console() if output is None else Console(no_color=True, width=100)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()

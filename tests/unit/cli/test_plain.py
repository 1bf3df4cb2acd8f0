"""Values that skip Typer's conversion arrive as Typer would have delivered them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from buddysim.cli._plain import PlainCommand
from buddysim.cli.main import build_app

COMMAND_LINES = (
    ["subject"],
    ["subject", "here.log", "there.log"],
    ["subject", "--word", "given", "--seed", "12", "--repeated", "a", "--repeated", "b=c"],
    ["subject", "--output", "somewhere/else.json", "--flag"],
    ["subject", "--output", ""],
    ["subject", "--output", "/"],
    ["subject", "--jobs", "3"],
)
REFUSED = (
    [],
    ["subject", "--seed", "twelve"],
    ["subject", "--jobs", "0"],
    ["subject", "--known", "no such file"],
    ["subject", "--known", "/"],
)


def deliver(argv: list[str], **settings: Any) -> dict[str, Any]:
    """What a verb of every kind of parameter is given."""
    app = typer.Typer(add_completion=False)

    def verb(
        subject: Annotated[str, typer.Argument()],
        logs: Annotated[list[Path] | None, typer.Argument()] = None,
        *,
        word: Annotated[str, typer.Option()] = "default",
        repeated: Annotated[list[str] | None, typer.Option()] = None,
        seed: Annotated[int, typer.Option()] = 7,
        jobs: Annotated[int | None, typer.Option(min=1)] = None,
        output: Annotated[Path | None, typer.Option()] = None,
        known: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
        flag: Annotated[bool, typer.Option("--flag")] = False,
    ) -> dict[str, Any]:
        return dict(locals())

    app.command(**settings)(verb)
    given = typer.main.get_command(app).main(argv, standalone_mode=False)
    assert isinstance(given, dict)
    return given


@pytest.mark.parametrize("argv", COMMAND_LINES, ids=" ".join)
def test_values_are_those_that_typer_makes(argv: list[str]) -> None:
    ours, theirs = deliver(argv, cls=PlainCommand), deliver(argv)
    assert ours == theirs
    assert [type(value) for value in ours.values()] == [type(value) for value in theirs.values()]


@pytest.mark.parametrize("argv", REFUSED, ids=" ".join)
def test_what_typer_refuses_is_refused_in_its_words(argv: list[str]) -> None:
    told = []
    for settings in ({"cls": PlainCommand}, {}):
        with pytest.raises(Exception, match=r".") as refused:
            deliver(argv, **settings)
        told.append((type(refused.value), str(refused.value)))
    assert told[0] == told[1]


def test_options_before_the_verb_run_their_callbacks(capsys: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(build_app(None))
    command.main(["--version"], standalone_mode=False)
    assert capsys.readouterr().out.startswith("buddysim ")


def test_words_and_paths_need_no_conversion_library() -> None:
    code = (
        "import sys\n"
        "from buddysim.cli.main import main\n"
        "main(['gfp', 'GFP_KERNEL', '--profile', '5.15', '--output', sys.argv[1]])\n"
        "assert 'typer' in sys.modules\n"
        "print('pydantic' in sys.modules)\n"
    )
    argv = [sys.executable, "-c", code, "/dev/null/nowhere"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_completing_an_option_needs_no_conversion_library() -> None:
    code = (
        "import atexit, sys\n"
        "from buddysim.cli.main import main\n"
        "atexit.register(lambda: print('pydantic' in sys.modules))\n"
        "main([])\n"
    )
    words = {"COMP_WORDS": "buddysim replay --pla", "COMP_CWORD": "2"}
    known = {**os.environ, **words, "_BUDDYSIM_COMPLETE": "complete_bash"}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=known)
    assert done.stdout == "--placement\nFalse\n"

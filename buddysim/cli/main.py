"""The command line's front door: a table of verbs, each imported only when it is asked for."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import typer

from buddysim import __version__
from buddysim.cli._exit import BAD_INPUT, run_guarded
from buddysim.cli._plain import PlainCommand, PlainGroup

__all__ = ["VERBS", "Verb", "build_app", "core_build", "main"]

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_GC_EVERY = 50_000
"""Objects made between two searches for cycles: importing a verb makes that many, all to stay."""


class Verb(NamedTuple):
    """Where a verb lives and what the list of verbs says about it."""

    name: str
    module: str
    function: str
    summary: str

    def load(self) -> Callable[..., Any]:
        """Import the verb's function."""
        function: Callable[..., Any] = getattr(import_module(self.module), self.function)
        return function


def _verb(name: str, summary: str, function: str | None = None) -> Verb:
    return Verb(name, f"buddysim.cli.{name}", function or name, summary)


VERBS = (
    _verb("replay", "Replay a trace: failures, warnings, fragmentation, who mishandles failures."),
    _verb("run", "The same for callers written in Python."),
    _verb("explore", "Fail each allocation in turn; who does not survive?"),
    _verb("compare", "Two traces, or one under two settings: who fares better, where they part."),
    _verb("inspect", "What is in this trace: format, events, callers, inconsistencies."),
    _verb("convert", "Between trace formats; the suffix names the format."),
    _verb("record", "Record a real trace with the running kernel's tracefs."),
    _verb("verify", "Compare the simulator with recordings of a real kernel."),
    _verb("explain", "Explain real page allocation failure reports from kernel logs."),
    _verb("gfp", "Decode or encode a GFP mask for a kernel.", "gfp_cli"),
    _verb("rules", "The catalogue of findings, and what each means."),
    _verb("bench", "Throughput of the pieces on this machine, each beside a yardstick."),
    _verb("lesson", "Teaching scenarios; --quiz, --step."),
)
"""Every verb.  A new verb is one file and one row."""


def core_build() -> str:
    """``compiled`` or ``interpreted``, without importing the core."""
    spec = find_spec("buddysim.mm.zone")
    origin = spec.origin if spec is not None else None
    return "interpreted" if (origin or "").endswith(".py") else "compiled"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"buddysim {__version__} (core: {core_build()})")
        raise typer.Exit


def _stub(verb: Verb) -> Callable[[], None]:
    """Stands in the list for a verb this command line does not use."""

    def stub() -> None:
        raise AssertionError(verb.name)

    stub.__doc__ = verb.summary
    return stub


def build_app(wanted: str | None, verbs: Sequence[Verb] = VERBS) -> typer.Typer:
    """The command line of ``verbs`` with one's options loaded (all of them for ``*``)."""
    app = typer.Typer(
        name="buddysim",
        cls=PlainGroup,
        no_args_is_help=True,
        context_settings=_CONTEXT,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def front(
        version: bool = typer.Option(
            False,
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Version and build.",
        ),
    ) -> None:
        """Replay page allocations on a simulated Linux buddy allocator, make them fail on
        purpose, and learn who copes."""

    for verb in verbs:
        function = verb.load() if wanted in {verb.name, "*"} else _stub(verb)
        app.command(
            verb.name, cls=PlainCommand, short_help=verb.summary, context_settings=_CONTEXT
        )(function)
    return app


def _wanted(argv: Sequence[str]) -> str | None:
    if "_BUDDYSIM_COMPLETE" in os.environ:
        return "*"
    return next((word for word in argv if not word.startswith("-")), None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code (see ``_exit``).

    Without ``argv`` it is the process's own, and the process is to end afterwards.
    """
    if argv is not None:
        return _main(list(argv))
    gc.set_threshold(_GC_EVERY)
    code = _main(sys.argv[1:])
    gc.freeze()  # spares the last search for cycles, through all that is about to go anyway
    return code


def _main(words: list[str]) -> int:
    # Behind a verb nobody asks for the list of the others.
    alone = [verb for verb in VERBS if words[:1] == [verb.name]]
    app = build_app(_wanted(words), alone or VERBS)
    return run_guarded(lambda: _run(app, words))


def _run(app: typer.Typer, words: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        result = command.main(args=words, prog_name="buddysim", standalone_mode=False)
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        show = getattr(error, "format_message", None)
        if show is None:
            raise
        print(f"buddysim: {' '.join(show().split())} (try --help)", file=sys.stderr)
        return BAD_INPUT
    return result if isinstance(result, int) else 0

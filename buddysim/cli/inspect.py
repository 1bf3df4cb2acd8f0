"""``buddysim inspect``: what is in this trace."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from buddysim.cli import _options as options
from buddysim.cli._output import check_format, emit
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.report.inspect import Inspection
    from buddysim.source.event import CallerBy

__all__ = ["inspect"]


def inspect(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A recording or a script.")],
    *,
    profile: options.ProfileOption = None,
    caller_by: options.CallerByOption = "function",
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Use what stands before the damage.")
    ] = False,
    output_format: options.FormatOption = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """What is in this trace: format, events, callers, inconsistencies.

    Examples:

        buddysim inspect trace.txt.zst

        buddysim inspect old.txt --profile 2.6.32 --format json
    """
    from buddysim.present.rows_progress import rows_progress
    from buddysim.report.inspect import inspect_trace
    from buddysim.source.open import open_trace

    shape = check_format(output_format)
    if caller_by not in {"function", "comm", "stack"}:
        raise ConfigError(f"--caller-by {caller_by}", expected="function, comm or stack")
    named_by = cast("CallerBy", caller_by)
    opened = open_trace(trace, profile=profile, caller_by=named_by, salvage=salvage)
    with rows_progress(f"reading {Path(trace).name}", quiet=quiet) as progress:
        found = inspect_trace(opened, progress)
    emit(_json(found) if shape == "json" else _text(found, to_file=output is not None), output)


def _json(found: Inspection) -> str:
    document = {"schema": "buddysim/inspect/1", **asdict(found)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text(found: Inspection, *, to_file: bool) -> str:
    from rich.console import Console

    from buddysim.present.inspect import render_inspection

    console = Console(no_color=True, width=100) if to_file else Console()
    with console.capture() as capture:
        console.print(render_inspection(found))
    return capture.get()

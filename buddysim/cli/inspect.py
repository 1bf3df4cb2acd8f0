"""``buddysim inspect``: what is in this trace."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.report.inspect import Inspection
    from buddysim.source.decoder import CallerBy

__all__ = ["inspect"]


def inspect(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A recording or a script.")],
    *,
    profile: Annotated[
        str | None, typer.Option(metavar="ERA", help="Read it as text of this kernel, e.g. 4.19.")
    ] = None,
    caller_by: Annotated[
        str, typer.Option(metavar="function|comm|stack", help="Who counts as the caller.")
    ] = "function",
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Use what stands before the damage (binary traces).")
    ] = False,
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json", help="json: schema inspect/1.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not stdout.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """What is in this trace: format, events, callers, inconsistencies.

    Examples:

        buddysim inspect trace.txt.zst

        buddysim inspect old.txt --profile 2.6.32 --format json
    """
    from buddysim.present.rows_progress import rows_progress
    from buddysim.report.inspect import inspect_trace
    from buddysim.source.open import open_trace

    if output_format not in {None, "rich", "json"}:
        raise ConfigError(f"--format {output_format}", expected="rich or json")
    if caller_by not in {"function", "comm", "stack"}:
        raise ConfigError(f"--caller-by {caller_by}", expected="function, comm or stack")
    named_by = cast("CallerBy", caller_by)
    opened = open_trace(trace, profile=profile, caller_by=named_by, salvage=salvage)
    with rows_progress(f"reading {Path(trace).name}", quiet=quiet) as progress:
        found = inspect_trace(opened, progress)
    text = _json(found) if output_format == "json" else _rich(found, to_file=output is not None)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)


def _json(found: Inspection) -> str:
    document = {"schema": "buddysim/inspect/1", **asdict(found)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rich(found: Inspection, *, to_file: bool) -> str:
    from rich.console import Console

    from buddysim.present.inspect import render_inspection

    console = Console(no_color=True, width=100) if to_file else Console()
    with console.capture() as capture:
        console.print(render_inspection(found))
    return capture.get()


def _write(output: str, text: str) -> None:
    target = Path(output)
    temporary = target.with_name(f".{target.name}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror or error}") from error

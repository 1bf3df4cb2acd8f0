"""``buddysim convert``: from any trace format to another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from buddysim.cli import _options as options
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.source.event import CallerBy

__all__ = ["convert"]


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A recording or a script.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="Its suffix names the format, see below.")
    ],
    *,
    profile: options.ProfileOption = None,
    caller_by: options.CallerByOption = "function",
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Use what stands before the damage.")
    ] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Write a trace in another format: .bst packed, .txt ftrace text, .trace script, .parquet.

    Examples:

        buddysim convert trace.txt.zst trace.bst

        buddysim convert perf.data trace.parquet
    """
    from buddysim.present.rows_progress import rows_progress
    from buddysim.source.open import open_trace
    from buddysim.source.write import write_trace
    from buddysim.units import format_bytes

    if caller_by not in {"function", "comm", "stack"}:
        raise ConfigError(f"--caller-by {caller_by}", expected="function, comm or stack")
    named_by = cast("CallerBy", caller_by)
    opened = open_trace(source, profile=profile, caller_by=named_by, salvage=salvage)
    with rows_progress(f"converting {Path(source).name}", quiet=quiet) as progress:
        rows = write_trace(opened, target, progress=progress)
    if quiet:
        return
    size = Path(target).stat().st_size
    told = f"{target}: {rows:,} events, {format_bytes(size)}, {size / max(rows, 1):.1f} bytes each"
    if opened.meta.skipped_lines:
        told += f"; {opened.meta.skipped_lines:,} lines of {source} were skipped"
    if opened.meta.truncated:
        told += f"; {source} ends in the middle of an event"
    sys.stderr.write(told + "\n")

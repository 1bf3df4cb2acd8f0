"""``buddysim bench``: how fast the pieces are on this machine, each beside a yardstick."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buddysim.cli import _options as options
from buddysim.cli._output import check_format, emit

if TYPE_CHECKING:
    from buddysim.bench.suite import Bench

__all__ = ["bench"]

_FORMATS = ("rich", "json", "markdown")


def bench(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Shorter traces, no 64 GiB replay: seconds.")
    ] = False,
    repeats: Annotated[
        int, typer.Option(metavar="N", min=1, help="Runs of each thing; the median is told.")
    ] = 5,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="core, ingest, replay, explore, ...; repeatable."),
    ] = None,
    perf_data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Race perf kmem on it."),
    ] = None,
    date: Annotated[
        str, typer.Option(metavar="TEXT", help="Written into the markdown as it stands.")
    ] = "",
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json|markdown")
    ] = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> None:
    """Throughput of the pieces on this machine, each against a yardstick in the same run.

    Examples:

        buddysim bench --quick

        buddysim bench --only core --only replay --repeats 9 --format json
    """
    from buddysim.bench.suite import GROUPS, BenchOptions, run_bench
    from buddysim.errors import ConfigError
    from buddysim.present.bench_progress import bench_progress

    shape = check_format(output_format, _FORMATS)
    if date and shape != "markdown":
        raise ConfigError(f"--date {date}", expected="--format markdown, which shows it")
    how = BenchOptions(repeats, quick, tuple(only or GROUPS), perf_data)
    with bench_progress(quiet=quiet) as progress:
        found = run_bench(how, progress)
    emit(_render(found, shape, date, to_file=output is not None), output)


def _render(found: Bench, shape: str, date: str, *, to_file: bool) -> str:
    if shape == "json":
        document = {"schema": "buddysim/bench/1", **asdict(found)}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    from buddysim.present.bench import format_markdown, render_bench

    if shape == "markdown":
        return format_markdown(found, date)
    from rich.console import Console

    console = Console(no_color=True, width=120) if to_file else Console()
    with console.capture() as capture:
        console.print(render_bench(found))
    return capture.get()

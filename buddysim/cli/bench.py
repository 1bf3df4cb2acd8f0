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
        bool, typer.Option("--quick", help="A minute: shorter traces, no 64 GiB replay.")
    ] = False,
    repeats: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Runs of each thing. [default: 5; 3 with --quick]"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="core, ingest, report, replay, ...; repeatable."),
    ] = None,
    perf_data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Race perf kmem on it."),
    ] = None,
    trace_dat: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="Race trace-cmd on it."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when a limit is missed.")
    ] = False,
    date: Annotated[
        str, typer.Option(metavar="TEXT", help="Written into the markdown as it stands.")
    ] = "",
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json|markdown")
    ] = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Throughput of the pieces on this machine, each against a yardstick in the same run, and
    whether the limits that buddysim promises are met.

    Exit status: 0 done, 1 a limit is missed (with --check), 2 bad input, 130 Ctrl-C.

    Examples:

        buddysim bench --quick

        buddysim bench --check --perf-data perf.data

        buddysim bench --only core --only replay --repeats 9 --format json
    """
    from buddysim.bench.suite import GROUPS, QUICK_GROUPS, BenchOptions, run_bench
    from buddysim.errors import ConfigError
    from buddysim.present.bench_progress import bench_progress

    shape = check_format(output_format, _FORMATS)
    if date and shape != "markdown":
        raise ConfigError(f"--date {date}", expected="--format markdown, which shows it")
    groups = tuple(only or (QUICK_GROUPS if quick else GROUPS))
    how = BenchOptions(repeats or (3 if quick else 5), quick, groups, perf_data, trace_dat)
    with bench_progress(quiet=quiet) as progress:
        found = run_bench(how, progress)
    emit(_render(found, shape, date, to_file=output is not None), output)
    return 1 if check and not found.kept else 0


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

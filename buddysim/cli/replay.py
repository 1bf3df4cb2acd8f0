"""``buddysim replay``: the main job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from buddysim.cli import _options as options
from buddysim.cli._output import check_format, emit, write_whole
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.replay.config import ReplayConfig
    from buddysim.replay.film import Film
    from buddysim.replay.outcome import RunResult
    from buddysim.source.event import CallerBy

__all__ = ["replay", "run_trace"]

_FromReportOption = Annotated[
    Path | None,
    typer.Option(metavar="LOG", help="Start from the state of a kernel log's failure report."),
]
_HtmlOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write a self-contained HTML page.")
]
_SvgOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the terminal report as SVG.")
]
_WhatIfOption = Annotated[
    str | None,
    typer.Option(
        metavar="KNOB",
        help="Which value leaves no failure? min_free_kbytes, mem (each also =LOW..HIGH), or "
        "order[:CALLER_GLOB]: single pages instead of larger blocks.",
    ),
]
_JobsOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Runs of --what-if at the same time. [default: cpus]"),
]


def replay(
    trace: Annotated[str, typer.Argument(metavar="TRACE", help="A recording or a script.")],
    *,
    profile: options.ProfileOption = None,
    mem: options.MemOption = None,
    machine: options.MachineOption = None,
    sysctl: options.SysctlOption = None,
    placement: options.PlacementOption = "model",
    fault: options.FaultOption = None,
    warn: options.WarnOption = "kernel",
    seed: options.SeedOption = 0,
    caller_by: options.CallerByOption = "function",
    callers: options.CallersOption = None,
    fail_on: options.FailOnOption = "error",
    from_report: _FromReportOption = None,
    html: _HtmlOption = None,
    svg: _SvgOption = None,
    live: Annotated[bool, typer.Option("--live", help="Play it back on the screen.")] = False,
    what_if: _WhatIfOption = None,
    jobs: _JobsOption = None,
    output_format: options.FormatOption = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Replay a trace on a simulated machine and report failures, warnings, fragmentation and which
    callers mishandle failures.

    Exit status: 0 nothing found, 1 findings at or above --fail-on, 2 bad input.

    Examples:

        buddysim replay traces/rogues.trace

        buddysim replay trace.txt.zst --fault fail_page_alloc:probability=5,min-order=0 --seed 7

        buddysim replay trace.dat --mem 512M --sysctl min_free_kbytes=4096 --format json
    """
    shape = check_format(output_format)
    config = options.replay_config(
        profile=profile,
        mem=mem,
        machine=machine,
        sysctl=sysctl,
        placement=placement,
        fault=fault,
        warn=warn,
        seed=seed,
        caller_by=caller_by,
        callers=callers,
        fail_on=fail_on,
    )
    if from_report is not None:
        config = _from_report(config, from_report)
    if what_if is not None:
        _alone(what_if, html=html, svg=svg, live=live, fail_on=fail_on != "error")
        return _what_if(trace, what_if, config, jobs, shape, output, quiet=quiet)
    if jobs is not None:
        raise ConfigError("--jobs without --what-if", expected="both, or neither")
    if live:
        from buddysim.present.tui.run import run_live

        run_live(trace, config)
        return 0
    film = _film() if html is not None else None
    run = run_trace(trace, config, quiet=quiet, film=film)
    return _report(run, film, shape, output=output, html=html, svg=svg)


def run_trace(
    trace: str, config: ReplayConfig, *, quiet: bool = True, film: Film | None = None
) -> RunResult:
    """Replay a file.  Raises TraceError, ConfigError, FaultSpecError."""
    from buddysim.present.rows_progress import rows_progress
    from buddysim.replay.engine import replay as replay_trace
    from buddysim.source.open import open_trace

    opened = open_trace(trace, profile=config.profile, caller_by=cast("CallerBy", config.caller_by))
    with rows_progress(f"replaying {Path(trace).name}", quiet=quiet) as progress:
        return replay_trace(opened, config, progress, watcher=film)


def _alone(what_if: str, **others: object) -> None:
    """Raises ConfigError for options that a curve has no use for."""
    for name, value in others.items():
        if value:
            option = name.replace("_", "-")
            raise ConfigError(
                f"--{option} together with --what-if {what_if}", expected="one of them"
            )


def _what_if(
    trace: str,
    text: str,
    config: ReplayConfig,
    jobs: int | None,
    shape: str,
    output: Path | None,
    *,
    quiet: bool,
) -> int:
    from buddysim.cli._what_if import what_if

    jobs = jobs or len(os.sched_getaffinity(0))
    return what_if(trace, text, config, jobs=jobs, shape=shape, output=output, quiet=quiet)


def _from_report(config: ReplayConfig, log: Path) -> ReplayConfig:
    from dataclasses import replace

    from buddysim.explain.aftermath import machine_of_log

    if config.machine_spec is not None:
        raise ConfigError("--from-report together with --mem or --machine", expected="one of them")
    spec = machine_of_log(log, config.profile)
    return replace(config, machine_spec=spec, options=(f"--from-report {log}",))


def _film() -> Film:
    from buddysim.replay.film import Film

    return Film()


def _report(
    run: RunResult,
    film: Film | None,
    shape: str,
    *,
    output: Path | None,
    html: Path | None,
    svg: Path | None,
) -> int:
    from buddysim.report.build import build_report

    report = build_report(run)
    if html is not None and film is not None:
        from buddysim.present.html.page import build_page

        write_whole(html, build_page(report, film, run.failures))
    if svg is not None:
        from buddysim.present.terminal import report_svg

        write_whole(svg, report_svg(report))
    emit(_json(report) if shape == "json" else _text(report, to_file=output is not None), output)
    return options.exit_code(report, run.config.fail_on)


def _json(report: dict[str, Any]) -> str:
    import json

    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _text(report: dict[str, Any], *, to_file: bool) -> str:
    from buddysim.present.terminal import report_text

    return report_text(report, width=100 if to_file else None)

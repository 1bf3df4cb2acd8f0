"""``buddysim explore``: fail each allocation in turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from buddysim.cli import _options as options
from buddysim.cli._exit import INTERRUPTED
from buddysim.cli._output import check_format, emit
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.replay.config import ReplayConfig
    from buddysim.replay.exploration import Exploration, ExploreOptions
    from buddysim.source.event import CallerBy

__all__ = ["explore", "explore_file"]

FORMATS = ("rich", "json", "sarif", "junit", "prometheus")
_SCHEDULES = {"both": ("transient", "persistent")}
_WitnessOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write the shortest script for each finding."),
]

_HORIZON = 1000
"""Operations a failed call is followed for."""


def explore(
    subject: Annotated[str, typer.Argument(metavar="TRACE|SCRIPT.py")],
    *,
    strategy: Annotated[
        str, typer.Option(metavar="nth|site|random:N", help="Which allocations to fail.")
    ] = "nth",
    schedule: Annotated[
        str, typer.Option(metavar="transient|persistent|both", help="One failure, or all from it.")
    ] = "both",
    caller: Annotated[str, typer.Option(metavar="GLOB", help="Only of these callers.")] = "*",
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="At most N points; 0: all.")] = 0,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Runs at the same time.")] = 1,
    until_first: Annotated[bool, typer.Option("--until-first", help="Stop at a finding.")] = False,
    horizon: Annotated[
        int, typer.Option(metavar="EVENTS", min=0, help="How long to follow a failed call.")
    ] = _HORIZON,
    witness: _WitnessOption = None,
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
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json|sarif|junit|prometheus")
    ] = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Fail each allocation (or each call site) in turn and report the callers that do not survive.

    Exit status: 0 nothing found, 1 findings at or above --fail-on, 2 bad input, 130 Ctrl-C.

    Examples:

        buddysim explore traces/drivers/ring_refill_broken.py

        buddysim explore traces/rogues.trace --strategy site --format junit -o verdicts.xml
    """
    from buddysim.replay.exploration import ExploreOptions
    from buddysim.report.explore import build_explore_report

    shape = check_format(output_format, FORMATS)
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
    schedules = _schedules(schedule)
    how = ExploreOptions(strategy, caller, limit, jobs, until_first, horizon, schedules, seed)
    found = explore_file(subject, config, how, quiet=quiet)
    report = build_explore_report(found)
    if witness is not None:
        _write_witnesses(subject, found, witness)
    emit(_render(report, shape, to_file=output is not None), output)
    return INTERRUPTED if report["interrupted"] else options.exit_code(report, fail_on)


def _schedules(word: str) -> tuple[str, ...]:
    if word not in ("transient", "persistent", "both"):
        raise ConfigError(f"--schedule {word}", expected="transient, persistent or both")
    return _SCHEDULES.get(word, (word,))


def _write_witnesses(subject: str, found: Exploration, folder: Path) -> None:
    from buddysim.cli._witness import write_witnesses
    from buddysim.findings.exploration import explored_findings

    write_witnesses(subject, found.baseline.config, explored_findings(found), folder)


def explore_file(
    subject: str, config: ReplayConfig, how: ExploreOptions, *, quiet: bool = True
) -> Exploration:
    """Explore a scenario or a trace.  Raises TraceError, ConfigError, FaultSpecError."""
    from buddysim.findings.exploration import judge
    from buddysim.present.explore_progress import explore_progress
    from buddysim.replay.explore_script import explore_script
    from buddysim.replay.explore_trace import explore_trace
    from buddysim.source.open import open_trace

    progress = explore_progress(Path(subject).name, quiet=quiet)
    if subject.endswith(".py"):
        return explore_script(subject, config, how, judge, progress)
    by = cast("CallerBy", config.caller_by)
    return explore_trace(
        lambda: open_trace(subject, profile=config.profile, caller_by=by),
        config,
        how,
        judge,
        progress,
    )


def _render(report: dict[str, Any], shape: str, *, to_file: bool) -> str:
    if shape == "json":
        return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if shape == "sarif":
        from buddysim.present.sarif import sarif_text

        return sarif_text(report)
    if shape == "junit":
        from buddysim.present.junit import junit_text

        return junit_text(report)
    if shape == "prometheus":
        from buddysim.present.prometheus import prometheus_text

        return prometheus_text(report)
    from buddysim.present.explore import explore_text

    return explore_text(report, width=100 if to_file else None)

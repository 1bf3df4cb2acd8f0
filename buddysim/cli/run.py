"""``buddysim run``: callers written in Python on a simulated machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from buddysim.cli import _options as options
from buddysim.cli._output import check_format, emit

__all__ = ["run"]

FORMATS = ("rich", "json", "sarif", "prometheus")


def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT.py", help="A module with callers.")],
    *,
    profile: options.ProfileOption = None,
    mem: options.MemOption = None,
    machine: options.MachineOption = None,
    sysctl: options.SysctlOption = None,
    fault: options.FaultOption = None,
    warn: options.WarnOption = "kernel",
    seed: options.SeedOption = 0,
    callers: options.CallersOption = None,
    fail_on: options.FailOnOption = "error",
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json|sarif|prometheus")
    ] = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Run callers written in Python on a simulated machine and report as replay does.

    Exit status: 0 nothing found, 1 findings at or above --fail-on, 2 bad input.

    Examples:

        buddysim run traces/drivers/ring_refill.py

        buddysim run traces/drivers/ring_refill_broken.py --fault caller=rx_refill,nth=3
    """
    from buddysim.replay.run_script import run_script
    from buddysim.report.build import build_report

    shape = check_format(output_format, FORMATS)
    config = options.replay_config(
        profile=profile,
        mem=mem,
        machine=machine,
        sysctl=sysctl,
        placement="model",
        fault=fault,
        warn=warn,
        seed=seed,
        caller_by="function",
        callers=callers,
        fail_on=fail_on,
    )
    report = build_report(run_script(str(script), config), schema="buddysim/run/1")
    emit(_render(report, shape, to_file=output is not None or quiet), output)
    return options.exit_code(report, fail_on)


def _render(report: dict[str, object], shape: str, *, to_file: bool) -> str:
    if shape == "json":
        return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if shape == "sarif":
        from buddysim.present.sarif import sarif_text

        return sarif_text(report)
    if shape == "prometheus":
        from buddysim.present.prometheus import prometheus_text

        return prometheus_text(report)
    from buddysim.present.terminal import report_text

    return report_text(report, width=100 if to_file else None)

"""``buddysim verify``: the simulator against recordings of real kernels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from buddysim.cli._options import FormatOption, OutputOption, QuietOption
from buddysim.cli._output import check_format, emit

__all__ = ["verify"]


def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Recordings, or folders of them.")
    ],
    *,
    output_format: FormatOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> int:
    """Compare the simulator with recordings of a real kernel: pfns, outcomes, end states.

    Exit status 1 when anything differs.

    Examples:

        buddysim verify oracle/buddy-exact-6.1

        buddysim verify oracle --format json -o verify.json
    """
    shape = check_format(output_format)
    report = _run(paths, quiet=quiet)
    if shape == "json":
        emit(json.dumps(report, indent=2, default=str) + "\n", output)
    else:
        from buddysim.present.verify import verify_text

        emit(verify_text(report, to_file=output is not None), output)
    return 0 if report["total"]["exact"] == report["total"]["cases"] else 1


def _run(paths: list[Path], *, quiet: bool) -> dict[str, Any]:
    from buddysim.present.rows_progress import rows_progress
    from buddysim.replay.verify import verify as verify_paths
    from buddysim.report.verify import verify_report

    with rows_progress("verifying", quiet=quiet) as progress:
        return verify_report(list(verify_paths(paths, lambda done, _: progress(done))))

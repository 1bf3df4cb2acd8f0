"""``replay --what-if``: one trace under many values of one knob."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from buddysim.cli._exit import INTERRUPTED, OK
from buddysim.cli._options import no_python_callers
from buddysim.cli._output import emit

if TYPE_CHECKING:
    from buddysim.replay.config import ReplayConfig

__all__ = ["what_if"]


def what_if(
    trace: str,
    text: str,
    config: ReplayConfig,
    *,
    jobs: int,
    shape: str,
    output: Path | None,
    quiet: bool,
) -> int:
    """Sweep the knob that ``text`` names and tell the curve; the exit code.

    Raises TraceError, ConfigError, FaultSpecError.
    """
    from buddysim.present.runs_progress import RunsProgress
    from buddysim.replay.sweep import sweep
    from buddysim.replay.what_if import knob_of
    from buddysim.report.what_if import build_what_if_report

    no_python_callers(trace)
    knob = knob_of(text, trace, config)
    progress = RunsProgress(f"what if {text}", quiet=quiet)
    try:
        found = sweep(trace, config, knob, jobs=jobs, progress=progress.runs)
    finally:
        progress.close()
    report = build_what_if_report(found)
    if shape == "json":
        emit(json.dumps(report, indent=2, ensure_ascii=False) + "\n", output)
    else:
        from buddysim.present.what_if import what_if_text

        emit(what_if_text(report, width=None if output is None else 100), output)
    return INTERRUPTED if found.interrupted else OK

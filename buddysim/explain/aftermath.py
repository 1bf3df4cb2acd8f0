"""Go on from a failure report: a machine in the state that a kernel log describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from buddysim.errors import TraceError
from buddysim.explain.asked import read_asked
from buddysim.explain.rebuild import can_rebuild, machine_spec
from buddysim.mm.spec import MachineSpec
from buddysim.source.kernel_log import parse_log_file

__all__ = ["machine_of_log"]


def machine_of_log(path: Path, profile: str | None = None) -> MachineSpec:
    """The machine of a log's first report that tells marks and free blocks of every zone.

    Only free memory is rebuilt (``explain/rebuild.py``).  Raises TraceError when no report of the
    log tells enough, ConfigError for an unknown ``profile``.
    """
    for report in parse_log_file(path).reports:
        asked = read_asked(report, profile)
        if can_rebuild(report, asked):
            spec = machine_spec(report, asked)
            line = report.line
            return replace(spec, origin=f"failure report of {path}, line {line}: free memory only")
    raise TraceError(
        "no report with marks and free blocks of every zone",
        path=str(path),
        expected="a page allocation failure with its Mem-Info",
    )

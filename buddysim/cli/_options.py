"""Options that several verbs share: same name, same meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buddysim.errors import ConfigError, TraceError

if TYPE_CHECKING:
    from buddysim.mm.spec import MachineSpec
    from buddysim.replay.config import ReplayConfig

__all__ = [
    "CallerByOption",
    "CallersOption",
    "FailOnOption",
    "FaultOption",
    "FormatOption",
    "MachineOption",
    "MemOption",
    "OutputOption",
    "PlacementOption",
    "ProfileOption",
    "QuietOption",
    "SeedOption",
    "SysctlOption",
    "WarnOption",
    "exit_code",
    "no_python_callers",
    "replay_config",
]

ProfileOption = Annotated[
    str | None, typer.Option(metavar="ERA", help="Kernel era: 2.6.25 ... 6.18.")
]
MemOption = Annotated[str | None, typer.Option(metavar="SIZE", help="Machine size, e.g. 64M.")]
MachineOption = Annotated[
    Path | None, typer.Option(metavar="FILE.toml", help="Nodes, zones and sysctls in full.")
]
SysctlOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="e.g. min_free_kbytes=4096; repeatable."),
]
PlacementOption = Annotated[
    str, typer.Option(metavar="model|recorded", help="Who picks the pages.")
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPEC",
        help="fail_page_alloc:probability=10,..., failslab:..., nth:N, caller=GLOB,nth=N; "
        "repeatable.",
    ),
]
WarnOption = Annotated[
    str, typer.Option(metavar="kernel|gentle|counters|silent", help="What a failure prints.")
]
SeedOption = Annotated[int, typer.Option(metavar="N", help="Seed of every random stream.")]
CallerByOption = Annotated[
    str, typer.Option(metavar="function|comm|stack", help="Who counts as the caller.")
]
CallersOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Policies, contexts, allowed findings by glob."),
]
FailOnOption = Annotated[
    str, typer.Option(metavar="note|warning|error", help="Exit 1 from this severity on.")
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="rich|json", help="json: one document.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not to stdout.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]

_SEVERITIES = ("note", "warning", "error")


def _machine_spec(mem: str | None, machine: Path | None, profile: str | None) -> MachineSpec | None:
    from buddysim.mm.spec import MachineSpec
    from buddysim.units import parse_bytes

    if mem is not None and machine is not None:
        raise ConfigError("--mem together with --machine", expected="one of them")
    if machine is not None:
        return MachineSpec.from_toml(machine, profile=profile)
    if mem is not None:
        return MachineSpec.from_mem(parse_bytes(mem), profile=profile or "6.12")
    return None


def replay_config(
    *,
    profile: str | None,
    mem: str | None,
    machine: Path | None,
    sysctl: list[str] | None,
    placement: str,
    fault: list[str] | None,
    warn: str,
    seed: int,
    caller_by: str,
    callers: Path | None,
    fail_on: str,
) -> ReplayConfig:
    """A ReplayConfig from the shared options.  Raises ConfigError for values out of range."""
    from buddysim.replay.config import PLACEMENTS, WARN_POLICIES, ReplayConfig

    for name, value, known in (
        ("--placement", placement, PLACEMENTS),
        ("--warn", warn, WARN_POLICIES),
        ("--fail-on", fail_on, _SEVERITIES),
        ("--caller-by", caller_by, ("function", "comm", "stack")),
    ):
        if value not in known:
            raise ConfigError(f"{name} {value}", expected=" or ".join(known))
    chosen: Any = placement
    words = [f"--mem {mem}"] if mem else [f"--machine {machine}"] if machine else []
    return ReplayConfig(
        machine_spec=_machine_spec(mem, machine, profile),
        profile=profile,
        sysctl=tuple(sysctl or ()),
        placement=chosen,
        faults=tuple(fault or ()),
        warn=warn,
        seed=seed,
        caller_by=caller_by,
        callers_file=str(callers) if callers else "",
        fail_on=fail_on,
        options=tuple(words),
    )


def no_python_callers(path: str) -> None:
    """Raises TraceError for a file of Python callers, which make up their events as they run."""
    if path.endswith(".py"):
        raise TraceError(
            "holds Python callers, not events",
            path=path,
            expected="a recording or a script",
            hint="buddysim run and buddysim explore take it",
        )


def exit_code(report: dict[str, Any], fail_on: str) -> int:
    """1 when a finding is at least as severe as ``fail_on``, else 0."""
    floor = _SEVERITIES.index(fail_on)
    severe = (_SEVERITIES.index(entry["severity"]) >= floor for entry in report["findings"])
    return 1 if any(severe) else 0

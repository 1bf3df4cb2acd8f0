"""``buddysim compare``: two traces, or one under two settings."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from buddysim.cli import _options as options
from buddysim.cli._exit import INTERRUPTED
from buddysim.cli._output import check_format, emit
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.replay.comparison import Comparison, Side

__all__ = ["compare"]

_WORDS = ("caller_by", "placement", "profile", "warn")
_SETTABLE = (*_WORDS, "callers", "fault", "machine", "mem", "seed")
_SetOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Only for B: a sysctl, mem, machine, profile, placement, seed, warn, caller_by, "
        "callers, or fault (fault=none takes A's away); repeatable.",
    ),
]
_ProfileOption = Annotated[
    str | None, typer.Option(metavar="ERA", help="Kernel era of B, if another.")
]
_PlacementOption = Annotated[
    str | None, typer.Option(metavar="model|recorded", help="Who picks the pages in B.")
]


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A recording or a script.")],
    b: Annotated[
        str | None, typer.Argument(metavar="B", help="Another; left out: A once more.")
    ] = None,
    *,
    set_b: _SetOption = None,
    profile_b: _ProfileOption = None,
    placement_b: _PlacementOption = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="2: both at the same time.")] = 2,
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
    output_format: options.FormatOption = None,
    output: options.OutputOption = None,
    quiet: options.QuietOption = False,
) -> int:
    """Replay two traces, or one under two settings, and say who fares better or worse, and at
    which event the runs part.

    The usual options hold for both sides, --set-b and its like for B alone.

    Exit status: 0 done, 1 B has findings at or above --fail-on that A has not, 2 bad input.

    Examples:

        buddysim compare traces/rogues.trace --set-b min_free_kbytes=8192

        buddysim compare traces/jumbo-frames.trace traces/jumbo-frames-mtu1500.trace

        buddysim compare before.bst after.bst --format json -o difference.json
    """
    shape = check_format(output_format)
    words = list(set_b or ())
    words += [f"profile={profile_b}"] if profile_b else []
    words += [f"placement={placement_b}"] if placement_b else []
    if b is None and not words:
        raise ConfigError("one trace and nothing set for B", expected="B, or --set-b NAME=VALUE")
    shared = {
        "profile": profile,
        "mem": mem,
        "machine": machine,
        "sysctl": list(sysctl or ()),
        "placement": placement,
        "fault": list(fault or ()),
        "warn": warn,
        "seed": seed,
        "caller_by": caller_by,
        "callers": callers,
        "fail_on": fail_on,
    }
    sides = _side(a, shared, ()), _side(b or a, shared, words)
    return _report(_compared(*sides, jobs, quiet=quiet), shape, output, fail_on)


def _side(path: str, shared: dict[str, Any], words: list[str] | tuple[()]) -> Side:
    from buddysim.replay.comparison import Side

    options.no_python_callers(path)
    settings = dict(shared)
    for word in words:
        _set(settings, word)
    return Side(path, options.replay_config(**settings), tuple(words))


def _set(settings: dict[str, Any], word: str) -> None:
    """Apply one NAME=VALUE.  Raises ConfigError."""
    from buddysim.mm.spec import Sysctl

    name, equals, value = word.partition("=")
    if not equals or not value:
        raise ConfigError(f"--set-b {word}", expected="NAME=VALUE")
    if name in _WORDS:
        settings[name] = value
    elif name == "callers":
        settings[name] = Path(value)
    elif name in {"mem", "machine"}:
        settings["mem"] = value if name == "mem" else None
        settings["machine"] = Path(value) if name == "machine" else None
    elif name == "seed":
        settings["seed"] = _whole(word, value)
    elif name == "fault":
        settings["fault"] = [] if value == "none" else [*settings["fault"], value]
    elif name.removeprefix("vm.") in {each.name for each in fields(Sysctl)}:
        settings["sysctl"] = [*settings["sysctl"], word]
    else:
        known = sorted({*_SETTABLE, *(each.name for each in fields(Sysctl))})
        raise ConfigError(f"--set-b {word}", expected="one of " + ", ".join(known))


def _whole(word: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ConfigError(f"--set-b {word}", expected="a whole number") from None


def _compared(a: Side, b: Side, jobs: int, *, quiet: bool) -> Comparison:
    from buddysim.present.runs_progress import RunsProgress
    from buddysim.replay.comparison import compare as compare_sides

    progress = RunsProgress("comparing", quiet=quiet, names=("A", "B"))
    try:
        return compare_sides(a, b, jobs=jobs, progress=progress.events)
    finally:
        progress.close()


def _report(found: Comparison, shape: str, output: Path | None, fail_on: str) -> int:
    from buddysim.report.compare import build_compare_report

    report = build_compare_report(found)
    if shape == "json":
        emit(json.dumps(report, indent=2, ensure_ascii=False) + "\n", output)
    else:
        from buddysim.present.compare import compare_text

        emit(compare_text(report, width=None if output is None else 100), output)
    if report["interrupted"]:
        return INTERRUPTED
    return options.exit_code({"findings": report["findings_only_in_b"]}, fail_on)

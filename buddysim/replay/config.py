"""What a replay is asked to do, apart from the trace itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from buddysim.mm.spec import MachineSpec

__all__ = ["PLACEMENTS", "WARN_POLICIES", "Placement", "ReplayConfig"]

Placement = Literal["model", "recorded"]
PLACEMENTS: tuple[Placement, ...] = ("model", "recorded")
WARN_POLICIES = ("counters", "gentle", "kernel", "silent")


@dataclass(frozen=True)
class ReplayConfig:
    """Inputs of a run.  Equal trace, config and version give equal results, byte for byte."""

    machine_spec: MachineSpec | None = None
    """None: what the script declares, else the snapshot within or beside the trace, else one grown
    from the trace."""
    profile: str | None = None
    """None: the script's, else the era the recording's text implies."""
    sysctl: tuple[str, ...] = ()
    """``NAME=VALUE`` settings on top of the machine's own."""
    placement: Placement = "model"
    faults: tuple[str, ...] = ()
    """``--fault`` specifications."""
    warn: str = "kernel"
    seed: int = 0
    caller_by: str = "function"
    """Only echoed here: the reader of the trace has applied it."""
    callers_file: str = ""
    """TOML with policies, contexts and allowed findings by glob on the caller."""
    fail_on: str = "error"
    max_failures: int = 10_000
    """Failure rows kept in full; further ones are only counted."""
    max_samples: int = 512
    options: tuple[str, ...] = ()
    """Command-line words that choose the machine (``--mem 64M``), for repro lines."""

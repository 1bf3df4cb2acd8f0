"""``--witness FOLDER``: the shortest script for each finding of a hand-written trace."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from buddysim.cli._output import write_whole
from buddysim.errors import ConfigError

if TYPE_CHECKING:
    from buddysim.findings.finding import Finding
    from buddysim.findings.witness import Witness
    from buddysim.replay.config import ReplayConfig
    from buddysim.source.statement import Script

__all__ = ["write_witnesses"]


def write_witnesses(
    subject: str, config: ReplayConfig, findings: Sequence[Finding], folder: Path
) -> int:
    """Write ``CODE-caller.trace`` for every finding that comes back; how many.

    The first line of each is the command that shows the finding.  Raises ConfigError for anything
    but a hand-written trace.
    """
    from buddysim.source.open import open_trace
    from buddysim.source.script import ScriptTrace

    trace = None if subject.endswith(".py") else open_trace(subject, profile=config.profile)
    if not isinstance(trace, ScriptTrace):
        raise ConfigError(f"--witness with {subject}", expected="a hand-written trace (*.trace)")
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for finding in findings:
        witness = _witness(trace.script, config, finding)
        if witness is None:
            continue
        target = folder / f"{finding.code}-{finding.caller}.trace"
        words = ["buddysim", "replay", str(target)]
        for fault in witness.faults:
            words += ["--fault", fault]
        write_whole(target, f"# {shlex.join(words)}\n{witness.text}")
        written += 1
    return written


def _witness(script: Script, config: ReplayConfig, finding: Finding) -> Witness | None:
    from buddysim.findings.witness import shrink

    for faults in _faults(config, finding):
        witness = shrink(script, config, finding, faults)
        if witness is not None:
            return witness
    return None


def _faults(config: ReplayConfig, finding: Finding) -> Iterator[tuple[str, ...]]:
    """The faults to try: none beyond the run's own, the caller's first request, the repro's."""
    yield config.faults
    if finding.origin == "injected":
        yield (*config.faults, f"caller={finding.caller},nth=1")
        words = shlex.split(finding.repro)
        yield tuple(words[at + 1] for at, word in enumerate(words) if word == "--fault")

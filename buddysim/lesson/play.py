"""Plays scenarios and other traces for lessons: whole runs, and runs step by step."""

from __future__ import annotations

from importlib.resources import files

from buddysim.findings.registry import find_all
from buddysim.lesson.step import Step
from buddysim.lesson.walk import STEPS_MAX, Walk
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.event import Trace
from buddysim.source.open import open_trace
from buddysim.source.script import ScriptTrace

__all__ = [
    "finding_codes",
    "play_run",
    "play_steps",
    "scenario_path",
    "step_trace",
]


def scenario_path(name: str) -> str:
    """Where a lesson's scenario file is."""
    return str(files("buddysim.lesson") / "scenarios" / name)


def play_run(scenario: str, *, warn: str = "kernel", faults: tuple[str, ...] = ()) -> RunResult:
    """Replay a lesson's scenario."""
    config = ReplayConfig(warn=warn, faults=faults)
    return replay(open_trace(scenario_path(scenario)), config)


def play_steps(scenario: str) -> tuple[RunResult, list[Step]]:
    """Replay a lesson's scenario and keep every step."""
    return step_trace(open_trace(scenario_path(scenario)), ReplayConfig())


def step_trace(
    trace: Trace, config: ReplayConfig, limit: int = STEPS_MAX
) -> tuple[RunResult, list[Step]]:
    """Replay at most ``limit`` events and keep each with the free lists before and after it."""
    handles = trace.script.handles if isinstance(trace, ScriptTrace) else ()
    walk = Walk(trace.tables, handles, limit)
    run = replay(trace, config, watcher=walk)
    return run, walk.steps(run.failures)


def finding_codes(run: RunResult, caller: str) -> list[str]:
    """Codes of the findings about one caller."""
    return [finding.code for finding in find_all(run) if finding.caller == caller]

"""``run``: a Python scenario on one machine, from its first call to its last."""

from __future__ import annotations

from time import perf_counter

from buddysim.mm.machine import build_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.digest import RunDigest
from buddysim.replay.engine import new_run, vmstat_of, zone_facts
from buddysim.replay.outcome import RunResult
from buddysim.replay.policies import install_policies
from buddysim.replay.python_stage import PythonStage
from buddysim.replay.run import Run
from buddysim.replay.scenario import Scenario, load_scenario, scenario_machine
from buddysim.replay.schedule import Schedule

__all__ = ["finish_run", "run_script", "set_up"]


def run_script(path: str, config: ReplayConfig | None = None) -> RunResult:
    """Load and run a scenario.

    Raises TraceError (the scenario), ConfigError, FaultSpecError; never what a caller raises.
    """
    config = config or ReplayConfig()
    schedule = set_up(load_scenario(path, config), config)
    started = perf_counter()
    schedule.run()
    result = finish_run(schedule.stage.run)
    result.wall_seconds = perf_counter() - started
    return result


def set_up(scenario: Scenario, config: ReplayConfig) -> Schedule:
    """A machine and the callers on it, before anything has happened."""
    machine = build_machine(scenario_machine(scenario, config))
    install_policies(machine, recording=False)
    run = new_run(scenario, config, machine)
    run.loop.every_request_counts()
    stage = PythonStage(run, scenario.path)
    for spec in scenario.callers:
        stats = run.tally.of(scenario.index(spec))
        stats.declared, stats.allow = True, dict(spec.allow)
    return Schedule(scenario, stage)


def finish_run(run: Run) -> RunResult:
    """The final account."""
    result = run.result
    digest = RunDigest()
    digest.take(run.loop.results)
    run.tally.totals.freed = run.loop.freed
    run.tally.grow()
    result.span_ns = run.machine.clock_ns
    result.callers = run.tally.finish()
    result.totals = run.tally.totals
    run.desk.finish(result.callers)
    result.zones = [zone_facts(zone) for zone in run.machine.zones]
    result.vmstat = vmstat_of(run.machine)
    result.counters = dict(sorted(result.counters.items()))
    result.digest = digest.finish(run.machine)
    return result

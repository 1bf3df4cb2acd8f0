"""A Python scenario: a module whose decorated functions are callers."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from buddysim.caller.declaration import ATTRIBUTE, CallerSpec
from buddysim.errors import ConfigError, InputError, TraceError
from buddysim.kernel.context import Context
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.declared import CallerRule, load_declared_callers
from buddysim.source.event import Tables, TraceMeta
from buddysim.units import parse_bytes

__all__ = ["Scenario", "load_scenario", "scenario_machine"]

_MODULE = "buddysim_scenario"
_DEFAULT_BYTES = 64 << 20
_MACHINE_KEYS = ("mem", "profile", "cpus")


@dataclass(slots=True)
class Scenario:
    """Callers in the order written.  ``machine``: the module's ``MACHINE``, as key = value."""

    path: str
    module: types.ModuleType
    callers: list[CallerSpec]
    machine: dict[str, str] = field(default_factory=dict)
    meta: TraceMeta = field(init=False)
    tables: Tables = field(init=False)

    def __post_init__(self) -> None:
        self.meta = TraceMeta(self.path, "python", layout="callers in Python")
        names = ["?", *(spec.name for spec in self.callers)]
        self.tables = Tables(callers=names, tasks=list(names))

    def index(self, spec: CallerSpec) -> int:
        """Index of a caller in the tables."""
        return self.callers.index(spec) + 1


def load_scenario(path: str, config: ReplayConfig | None = None) -> Scenario:
    """Execute a scenario's module afresh.  Raises TraceError with the line of what is wrong."""
    try:
        code = compile(Path(path).read_bytes(), path, "exec")
    except SyntaxError as error:
        raise TraceError(
            f"not Python: {error.msg}", path=path, line=error.lineno or 0, column=error.offset or 0
        ) from None
    except (OSError, ValueError) as error:
        raise TraceError(f"cannot read scenario: {error}", path=path) from None
    module = types.ModuleType(_MODULE)
    module.__file__ = path
    sys.modules[_MODULE] = module
    folder = str(Path(path).resolve().parent)
    sys.path.insert(0, folder)
    try:
        exec(code, module.__dict__)  # the scenario is the user's own program
    except InputError as error:
        raise TraceError(error.found, path=path, expected=error.expected) from None
    except Exception as error:
        raise TraceError(
            f"{type(error).__name__}: {error}", path=path, line=_line_of(error, path)
        ) from None
    finally:
        sys.path.remove(folder)
    return _scenario_of(path, module, config)


def _line_of(error: Exception, path: str) -> int:
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
        trace = trace.tb_next
    return line


def _scenario_of(path: str, module: types.ModuleType, config: ReplayConfig | None) -> Scenario:
    found: dict[int, CallerSpec] = {}
    for value in vars(module).values():
        spec = getattr(value, ATTRIBUTE, None)
        if isinstance(spec, CallerSpec):
            found.setdefault(id(spec), spec)
    if not found:
        raise TraceError(
            "no caller in it", path=path, expected="functions decorated with buddysim.caller.caller"
        )
    names = [spec.name for spec in found.values()]
    for name in names:
        if names.count(name) > 1:
            raise TraceError(f"two callers named {name}", path=path, expected="different names")
    machine = getattr(module, "MACHINE", {})
    if not isinstance(machine, Mapping):
        raise TraceError("MACHINE", path=path, expected='{"mem": "64M", ...}')
    specs = [_with_file(spec, config) for spec in found.values()]
    return Scenario(path, module, specs, {str(key): str(value) for key, value in machine.items()})


def _with_file(spec: CallerSpec, config: ReplayConfig | None) -> CallerSpec:
    """What ``--callers`` allows on top of what the caller itself declares.  Raises ConfigError."""
    if config is None or not config.callers_file:
        return spec
    rule = load_declared_callers(config.callers_file).rule_for(spec.name)
    if rule is None:
        return spec
    if (rule.on_failure or rule.context != Context.UNKNOWN) and rule not in _built_in():
        raise ConfigError(
            f"on_failure or context for {spec.name}, which is written in Python",
            path=config.callers_file,
            expected="allow and errors only",
            hint="what it does and where it runs is in its own code",
        )
    return replace(spec, allow={**rule.allow, **spec.allow}, errors=(*spec.errors, *rule.errors))


def _built_in() -> tuple[CallerRule, ...]:
    return load_declared_callers("").rules


def scenario_machine(scenario: Scenario, config: ReplayConfig) -> MachineSpec:
    """The configured machine, else the scenario's own, else 64 MiB.  Raises ConfigError."""
    told: dict[str, Any] = scenario.machine
    profile = config.profile or told.get("profile") or "6.12"
    settings = [f"{key}={value}" for key, value in told.items() if key not in _MACHINE_KEYS]
    if config.machine_spec is not None:
        spec, settings = config.machine_spec, []
        if config.profile:
            spec = replace(spec, profile=config.profile)
    else:
        nr_bytes = parse_bytes(told["mem"]) if "mem" in told else _DEFAULT_BYTES
        spec = MachineSpec.from_mem(nr_bytes, profile=profile, ncpus=_cpus(told))
    sysctl = spec.sysctl
    for setting in (*settings, *config.sysctl):
        sysctl = sysctl.with_setting(setting)
    return replace(spec, sysctl=sysctl)


def _cpus(told: Mapping[str, str]) -> int:
    try:
        return int(told.get("cpus", "1"))
    except ValueError:
        raise ConfigError(f"MACHINE cpus {told['cpus']!r}", expected="a number") from None

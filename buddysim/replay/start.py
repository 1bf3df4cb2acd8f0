"""The machine a replay starts from, and the state a script's directives bring it to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from buddysim.mm.machine import Machine
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.prng import Stream
from buddysim.replay.retune import retuned
from buddysim.source.event import Trace, is_script

if TYPE_CHECKING:
    from buddysim.source.statement import Fill, Script

__all__ = ["apply_prelude", "machine_spec_for"]

_DEFAULT_SCRIPT_BYTES = 64 << 20
_DEFAULT_PROFILE = "6.12"


def machine_spec_for(trace: Trace, config: ReplayConfig) -> MachineSpec:
    """The configured machine, else the script's, else the snapshot within or beside the trace,
    else one grown from the trace.  Raises ConfigError, TraceError."""
    script = trace.script if is_script(trace) else None
    profile = config.profile or trace.meta.profile or _DEFAULT_PROFILE
    settings = config.sysctl
    if config.machine_spec is not None:
        spec = config.machine_spec
        if config.profile:
            spec = replace(spec, profile=config.profile)
    elif script is not None:
        spec = _script_spec(script, profile)
        settings = (*script.machine.sysctl, *settings)
    else:
        spec = _recording_spec(trace, profile)
    sysctl = spec.sysctl
    for setting in settings:
        sysctl = sysctl.with_setting(setting)
    names = (setting.partition("=")[0] for setting in settings)
    return retuned(replace(spec, sysctl=sysctl), names)


def _recording_spec(trace: Trace, profile: str) -> MachineSpec:
    # A short script must start quickly: it needs none of the readers of recorded states.
    from buddysim.replay.recording_start import recording_spec

    return recording_spec(trace, profile)


def _script_spec(script: Script, profile: str) -> MachineSpec:
    options = script.machine
    if options.machine:
        path = Path(script.path).parent / options.machine
        return MachineSpec.from_toml(path, profile=profile)
    nr_bytes = options.mem or _DEFAULT_SCRIPT_BYTES
    return MachineSpec.from_mem(nr_bytes, profile=profile, ncpus=options.cpus)


def apply_prelude(machine: Machine, script: Script, seed: int) -> None:
    """``@fill`` and ``@reclaimable`` in the order written, through the ordinary allocator."""
    from buddysim.source.statement import Fill

    for number, item in enumerate(script.prelude):
        if isinstance(item, Fill):
            stream = Stream(seed, f"fill/{number}/{item.seed}")
            _fill(machine, item, stream)
        else:
            machine.add_reclaimable(item.pages, item.dirty)


def _fill(machine: Machine, fill: Fill, stream: Stream) -> None:
    taken = _take_until(machine, fill)
    for index, pfn in enumerate(taken):
        if _is_given_back(fill.free, index, stream):
            machine.free_pages(pfn, fill.order)
    machine.drain_all_pages()


def _take_until(machine: Machine, fill: Fill) -> list[int]:
    """Blocks taken until few pages are free, those on pcp lists included, or none is given."""
    taken: list[int] = []
    while True:
        free = sum(zone.free + zone.free_pcp for zone in machine.zones)
        if free <= fill.until_free:
            return taken
        # Without reclaim on the way, exactly so many blocks are left to take.
        for _ in range((free - fill.until_free - 1 >> fill.order) + 1):
            pfn = machine.alloc_pages(fill.order, fill.gfp)
            if pfn < 0:
                return taken
            taken.append(pfn)


def _is_given_back(share: str, index: int, stream: Stream) -> bool:
    if share.startswith("every"):
        return index % int(share.removeprefix("every")) == 0
    if share.startswith("random:"):
        return stream.below(100) < int(share.removeprefix("random:"))
    return False

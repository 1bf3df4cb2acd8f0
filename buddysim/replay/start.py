"""The machine a replay starts from, and the state a script's directives bring it to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from buddysim.mm.machine import Machine
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.grown import grown_spec
from buddysim.replay.prng import Stream
from buddysim.replay.retune import retuned
from buddysim.replay.snapshot import spec_from_snapshot
from buddysim.source.event import Trace
from buddysim.source.exact_start import disagreement, spec_with_page_map
from buddysim.source.oracle import read_snapshots
from buddysim.source.packed import PackedTrace
from buddysim.source.page_map import PAGE_MAP_NAME, PageMap
from buddysim.source.proc_machine import machine_spec_from_proc
from buddysim.source.script import ScriptTrace
from buddysim.source.statement import Fill, Script

__all__ = ["apply_prelude", "machine_spec_for", "snapshot_beside"]

_DEFAULT_RECORDING_BYTES = 1 << 30
_DEFAULT_SCRIPT_BYTES = 64 << 20
_DEFAULT_PROFILE = "6.12"
_PROC = ("zoneinfo", "buddyinfo", "pagetypeinfo")


def machine_spec_for(trace: Trace, config: ReplayConfig) -> MachineSpec:
    """The configured machine, else the script's, else the snapshot within or beside the trace,
    else one grown from the trace.  Raises ConfigError, TraceError."""
    script = trace.script if isinstance(trace, ScriptTrace) else None
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
        spec = _snapshot_of(trace, profile) or grown_spec(trace, profile) or _unknown(profile)
    sysctl = spec.sysctl
    for setting in settings:
        sysctl = sysctl.with_setting(setting)
    names = (setting.partition("=")[0] for setting in settings)
    return retuned(replace(spec, sysctl=sysctl), names)


def _unknown(profile: str) -> MachineSpec:
    """Nothing at all is known: a recording without pages, or rows from nowhere."""
    spec = MachineSpec.from_mem(_DEFAULT_RECORDING_BYTES, profile=profile)
    return replace(spec, origin="1 GiB, every page free: the trace does not tell")


def _script_spec(script: Script, profile: str) -> MachineSpec:
    options = script.machine
    if options.machine:
        path = Path(script.path).parent / options.machine
        return MachineSpec.from_toml(path, profile=profile)
    nr_bytes = options.mem or _DEFAULT_SCRIPT_BYTES
    return MachineSpec.from_mem(nr_bytes, profile=profile, ncpus=options.cpus)


def snapshot_beside(trace_path: str, profile: str) -> MachineSpec | None:
    """A machine from what was recorded in the trace's folder.

    A full snapshot of the lists gives the exact state.  Otherwise zoneinfo, buddyinfo and
    pagetypeinfo texts give counts, placed by the rule of ``mm/layout.py``: looks for
    ``NAME.before.txt`` and ``NAME.txt``; zoneinfo and at least one of the others are needed, else
    None.
    """
    folder = Path(trace_path).parent
    snapshots, x86 = read_snapshots(folder)
    if snapshots:
        return spec_from_snapshot(snapshots[0], profile, x86=x86)
    texts: dict[str, str] = {}
    for name in _PROC:
        for candidate in (folder / f"{name}.before.txt", folder / f"{name}.txt"):
            if candidate.is_file():
                texts[name] = candidate.read_text(encoding="utf-8", errors="replace")
                break
    return _spec_from_texts(texts, profile)


def _snapshot_of(trace: Trace, profile: str) -> MachineSpec | None:
    """The start state a packed trace carries, else what lies beside the trace."""
    if isinstance(trace, PackedTrace):
        spec = _snapshot_within(trace, profile)
        if spec is not None:
            return spec
    return snapshot_beside(trace.meta.path, profile)


def _snapshot_within(trace: PackedTrace, profile: str) -> MachineSpec | None:
    """From the map of all pages if there is one, else placed by rule from the counts."""
    kept = trace.snapshots()
    texts = {
        name: kept[f"{name}.before.txt"].decode("utf-8", "replace")
        for name in _PROC
        if f"{name}.before.txt" in kept
    }
    spec = _spec_from_texts(texts, profile)
    pages = kept.get(PAGE_MAP_NAME.format(moment="before"))
    if spec is None or pages is None:
        return spec
    page_map = PageMap.unpacked(pages, trace.meta.path)
    whole = _spec_of(texts, profile, contiguous=False)
    reason = disagreement(whole, page_map)
    if reason:
        return replace(spec, origin=f"{spec.origin} ({reason})")
    return spec_with_page_map(whole, page_map)


def _spec_from_texts(texts: dict[str, str], profile: str) -> MachineSpec | None:
    if "zoneinfo" not in texts or len(texts) < 2:
        return None
    spec = _spec_of(texts, profile)
    return replace(spec, origin=f"{spec.origin} of the recording: free blocks placed by rule")


def _spec_of(texts: dict[str, str], profile: str, *, contiguous: bool = True) -> MachineSpec:
    return machine_spec_from_proc(
        texts["zoneinfo"],
        texts.get("buddyinfo", ""),
        texts.get("pagetypeinfo", ""),
        profile=profile,
        contiguous=contiguous,
    )


def apply_prelude(machine: Machine, script: Script, seed: int) -> None:
    """``@fill`` and ``@reclaimable`` in the order written, through the ordinary allocator."""
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

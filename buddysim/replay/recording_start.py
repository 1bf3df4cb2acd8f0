"""The machine a recording starts from: the state recorded with it, else one grown from its rows.

Most recordings come without any state, so what reads one is imported only where there is one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from buddysim.mm.spec import MachineSpec
from buddysim.replay.grown import grown_spec
from buddysim.source.event import Trace

if TYPE_CHECKING:
    from buddysim.source.packed import PackedTrace

__all__ = ["recording_spec", "snapshot_beside"]

_DEFAULT_BYTES = 1 << 30
_SNAPSHOTS = ("snapshots.txt.gz", "snapshots.jsonl.gz")
_PROC = ("zoneinfo", "buddyinfo", "pagetypeinfo")


def recording_spec(trace: Trace, profile: str) -> MachineSpec:
    """The snapshot within or beside the trace, else what its rows need, else an empty machine.

    Raises TraceError, ConfigError.
    """
    return _snapshot_of(trace, profile) or grown_spec(trace, profile) or _unknown(profile)


def _unknown(profile: str) -> MachineSpec:
    """Nothing at all is known: a recording without pages, or rows from nowhere."""
    spec = MachineSpec.from_mem(_DEFAULT_BYTES, profile=profile)
    return replace(spec, origin="1 GiB, every page free: the trace does not tell")


def snapshot_beside(trace_path: str, profile: str) -> MachineSpec | None:
    """A machine from what was recorded in the trace's folder.

    A full snapshot of the lists gives the exact state.  Otherwise zoneinfo, buddyinfo and
    pagetypeinfo texts give counts, placed by the rule of ``mm/layout.py``: looks for
    ``NAME.before.txt`` and ``NAME.txt``; zoneinfo and at least one of the others are needed, else
    None.
    """
    folder = Path(trace_path).parent
    if any((folder / name).is_file() for name in _SNAPSHOTS):
        from buddysim.replay.snapshot import spec_from_snapshot
        from buddysim.source.oracle import read_snapshots

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
    if trace.meta.format == "packed":
        from buddysim.source.packed import PackedTrace

        if isinstance(trace, PackedTrace):
            spec = _snapshot_within(trace, profile)
            if spec is not None:
                return spec
    return snapshot_beside(trace.meta.path, profile)


def _snapshot_within(trace: PackedTrace, profile: str) -> MachineSpec | None:
    """From the map of all pages if there is one, else placed by rule from the counts."""
    from buddysim.source.exact_start import disagreement, spec_with_page_map
    from buddysim.source.page_map import PAGE_MAP_NAME, PageMap

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
    from buddysim.source.proc_machine import machine_spec_from_proc

    return machine_spec_from_proc(
        texts["zoneinfo"],
        texts.get("buddyinfo", ""),
        texts.get("pagetypeinfo", ""),
        profile=profile,
        contiguous=contiguous,
    )

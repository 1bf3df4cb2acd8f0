"""From a sweep to its document, ``buddysim/what-if/1``."""

from __future__ import annotations

from typing import Any

from buddysim import __version__
from buddysim.replay.engine import core_build
from buddysim.replay.enlarge import only_grows
from buddysim.replay.sweep import Sweep, Trial
from buddysim.replay.what_if import MemoryKnob, OrderKnob
from buddysim.report.build import Report

__all__ = ["build_what_if_report"]

_UNITS = {"min_free_kbytes": "KiB", "mem_bytes": "bytes", "least_split_order": "order"}


def build_what_if_report(found: Sweep) -> Report:
    """The curve, the smallest change that suffices, and what the model cannot know."""
    knob, base, best = found.knob, found.base, found.found
    last = found.last_failing
    values = [trial.value for trial in found.trials]
    return {
        "schema": "buddysim/what-if/1",
        "buddysim": __version__,
        "build": core_build(),
        "profile": base.profile if base else "",
        "seed": found.config.seed,
        "placement": found.config.placement,
        "machine": base.machine_origin if base else "",
        "trace": {
            "path": found.path,
            "format": base.meta.format if base else "",
            "events": base.events if base else 0,
        },
        "knob": knob.name,
        "unit": _UNITS[knob.name],
        "caller": knob.caller if isinstance(knob, OrderKnob) else "",
        "now": knob.now,
        "tried": {
            "runs": len(values),
            "low": min(values, default=0),
            "high": max(values, default=0),
        },
        "found": best.value if best else None,
        "last_failing": last.value if last else None,
        "fewest_remaining": min((trial.remaining for trial in found.trials), default=None),
        "monotone": found.monotone,
        "interrupted": found.interrupted,
        "curve": [_trial(trial) for trial in found.trials],
        "notes": _notes(found),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "value": trial.value,
        "remaining": trial.remaining,
        "failed_natural": trial.natural,
        "failed_observed": trial.observed,
        "observed_model_has_page": trial.served,
        "failed_injected": trial.injected,
        "failed_by_cause": trial.failed_by_cause,
        "attempted": trial.attempted,
        "digest": trial.digest,
    }


def _notes(found: Sweep) -> list[str]:
    """What to keep in mind about this curve."""
    notes = []
    if not found.monotone:
        notes.append(_not_monotone(found))
    if found.base is not None and found.base.meta.format != "script":
        notes += _of_a_recording(found)
    if isinstance(found.knob, MemoryKnob):
        notes.append(_of_memory(found.knob))
    if isinstance(found.knob, OrderKnob):
        notes.append(
            "a split request asks for as many single pages as its block had; each that fails "
            "counts as one failure"
        )
    if any(trial.injected for trial in found.trials):
        notes.append("injected failures are not counted: no memory prevents them")
    return notes


def _not_monotone(found: Sweep) -> str:
    text = "not monotone: some larger change leaves more failures than a smaller one"
    best = found.found
    if best is not None:
        later = found.trials[found.trials.index(best) :]
        again = next((trial for trial in later if trial.remaining), None)
        if again is not None:
            text += f" ({again.remaining:,} again at {again.value:,})"
    if found.knob.resolution:
        text += "; between the values tried there may be others that suffice"
    return text


def _of_a_recording(found: Sweep) -> list[str]:
    """A recording is one course of events; another machine would have taken another."""
    notes = [
        "a recording goes on as recorded: its requests, frees, reclaim and compaction stay what "
        "they were; a mark that makes the kernel reclaim earlier is worth more than this shows"
    ]
    observed = max(trial.observed for trial in found.trials)
    if observed:
        notes.append(
            f"{observed:,} failures are the recording's own (observed): one remains as long as the "
            "simulated machine has no page for it either, and what its caller would have done "
            "with the page is not in the recording"
        )
    return notes


def _of_memory(knob: MemoryKnob) -> str:
    if only_grows(knob.spec):
        return "memory is added free, behind the last zone; pages that were in use stay in use"
    return "every size is a machine of its own, all its pages free at the start but for @fill"

"""Compare fault injection with recordings: which calls failed, and the state afterwards.

Memory was plentiful in these recordings, so a call fails exactly when it is injected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from buddysim.errors import TraceError
from buddysim.fault.attr import FaultAttr, check_order_of
from buddysim.fault.fail_nth import FailNth
from buddysim.fault.fail_page_alloc import FailPageAlloc
from buddysim.fault.failslab import FailSlab, kmalloc_object_size
from buddysim.kernel.gfp import decode_mask
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.verify_case import CaseResult, Differences
from buddysim.replay.verify_ops import Operation, Recording, read_log, read_recording
from buddysim.warn.ratelimit import Window, jiffies_of

__all__ = ["check_fault", "check_fault_syscalls"]

_PAGE_SIZE = 4096
_NOWARN = int(Gfp.NOWARN)
_OPEN_GATES = {"min-order": 0, "ignore-gfp-wait": "N", "ignore-gfp-highmem": "N"}
"""Settings of recordings that do not say theirs: every gate was opened for them."""
_WRITTEN = re.compile(r"([\w-]+)=([\w-]+)")
_GATES = re.compile(r"min-order (\d+), ignore-\* ([YN])")
_MAX_REFILLS = 3
_MISSES = 3
"""A sequence of system calls ends after so many values of N that were not reached."""
_SIGMAS = 5.0
"""How far a recorded rate may lie from the expected one."""


@dataclass(frozen=True)
class _Call:
    """One injectable call of the recording."""

    line: int
    order: int
    object_size: int
    """Bytes of a slab request; 0 for a page request."""
    gfp: int
    failed: bool
    time_ns: int


class _Rig:
    """The two capabilities and the task's fail-nth as a recording set them."""

    def __init__(self, recording: Recording, phase: int = 0) -> None:
        settings = _settings(recording)
        order = check_order_of(recording.profile)
        capability = settings["capability"]
        attr = FaultAttr(
            capability if capability in {"failslab", "fail_page_alloc"} else "fail_page_alloc",
            probability=settings["probability"],
            interval=settings["interval"],
            times=settings["times"],
            space=settings["space"],
            verbose=settings["verbose"],
            task_filter=True,
            order=order,
            count=phase,
        )
        idle = FaultAttr("idle", task_filter=True, order=order)
        wait = settings["ignore-gfp-wait"] == "Y"
        slab_first = capability == "failslab"
        self.attr = attr
        self.page = FailPageAlloc(
            idle if slab_first else attr,
            int(settings["min-order"]),
            settings["ignore-gfp-highmem"] == "Y",
            wait,
        )
        self.slab = FailSlab(
            attr if slab_first else idle, wait, settings.get("cache-filter") == "Y"
        )
        self.nth = FailNth()
        self.nth_was_set = False
        self.refills = 0
        self.marked = False
        self.limit = Window(settings["ratelimit_interval"], settings["ratelimit_burst"])

    def fails(self, call: _Call) -> bool:
        """What the simulator says about one call."""
        if call.object_size:
            return self.slab.should_fail(
                call.object_size, call.gfp, marked=self.marked, nth=self.nth
            )
        return self.page.should_fail(call.order, call.gfp, marked=self.marked, nth=self.nth)


def _settings(recording: Recording) -> dict[str, Any]:
    """Attribute values at the start of a recording, whatever its format."""
    meta = recording.meta
    values: dict[str, Any] = {
        "capability": meta.get("capability", "fail_page_alloc"),
        "probability": 0,
        "interval": 1,
        "times": -1,
        "space": 0,
        "verbose": int(meta.get("verbose", 0)),
        "ratelimit_interval": int(meta.get("verbose_ratelimit_interval_ms", 0)),
        "ratelimit_burst": int(meta.get("verbose_ratelimit_burst", 10)),
        **_OPEN_GATES,
    }
    short = "fs" if values["capability"] == "failslab" else "fpa"
    for key, text in meta.get("attr_before", {}).items():
        owner, _, name = key.partition(".")
        if owner == short:
            values[name] = int(text)
    attributes = meta.get("attributes", {})
    if isinstance(attributes, str):
        attributes = dict(_WRITTEN.findall(attributes))
    gates = _GATES.search(meta.get("gates", ""))
    if gates:
        attributes = {
            "min-order": gates[1],
            "ignore-gfp-wait": gates[2],
            "ignore-gfp-highmem": gates[2],
        }
    for name, value in attributes.items():
        values[name] = value if str(value) in {"Y", "N"} else int(value)
    return values


def _calls(recording: Recording) -> list[_Call | Operation]:
    """Calls and changes of the task's state, in order."""
    steps: list[_Call | Operation] = []
    for line, operation in recording.operations:
        name = operation["op"]
        if name in {"a", "kmalloc"}:
            steps.append(_call(recording, line, operation))
        elif name in {"make_it_fail", "fail_nth"}:
            steps.append({**operation, "line": line})
    return steps


def _call(recording: Recording, line: int, operation: Operation) -> _Call:
    raw = operation["gfp"]
    gfp = decode_mask(raw if isinstance(raw, int) else int(raw, 16), recording.profile)
    time_ns = operation.get("t_ns", 0)
    if operation["op"] == "a":
        return _Call(line, operation["order"], 0, gfp, operation["pfn"] < 0, time_ns)
    size = kmalloc_object_size(operation["size"])
    pages = -(-operation["size"] // _PAGE_SIZE)
    order = 0 if size else (pages - 1).bit_length()
    return _Call(line, order, size, gfp, not operation["ok"], time_ns)


def check_fault(path: Path) -> CaseResult:
    """Replay one injection recording and compare failures, counters left, fail-nth and messages.

    Two things are not in a recording, and are taken to be what explains it, if something does:
    an attribute's interval count at the start, which the kernel never resets; and how often a
    kmalloc had to refill its slab while fail-nth was armed, for each refill counts as well.
    Raises TraceError.
    """
    if path.name.endswith(".jsonl"):
        return check_fault_syscalls(path)
    recording = read_recording(path)
    if 0 < _settings(recording)["probability"] < 100:
        return _check_rate(recording)
    phases = range(max(_settings(recording)["interval"], 1))
    names = {operation["op"] for _, operation in recording.operations}
    refills = range(_MAX_REFILLS + 1 if {"kmalloc", "fail_nth"} <= names else 1)
    results = (_check_exact(recording, *hidden) for hidden in product(phases, refills))
    first = next(results)
    return next((result for result in (first, *results) if result.exact), first)


def _check_exact(recording: Recording, phase: int, refills: int) -> CaseResult:
    rig = _Rig(recording, phase)
    rig.refills = refills
    differences = Differences()
    ops = 0
    printed: list[str] = []
    for step in _calls(recording):
        if isinstance(step, dict):
            _set_state(rig, step, differences)
            continue
        ops += 1
        predicted = rig.fails(step)
        differences.compare(step.line, "injected", step.failed, predicted, **_state(rig))
        if predicted:
            printed.extend(_message(rig, step))
    _compare_leftovers(recording, rig, differences)
    _compare_log(recording, printed, differences)
    notes = [f"interval count at the start: {phase}"] if phase else []
    if refills:
        notes.append(f"{refills} counts of fail-nth used up by slab refills")
    return CaseResult(
        case=recording.name,
        set=recording.set,
        ops=ops,
        outcome_exact=differences.count == 0,
        first_divergence=differences.first,
        notes=tuple(notes),
    )


def _state(rig: _Rig) -> dict[str, int]:
    attr = rig.attr
    return {"times": attr.times, "space": attr.space, "count": attr.count, "left": rig.nth.left}


def _set_state(rig: _Rig, operation: Operation, differences: Differences) -> None:
    """make-it-fail and fail-nth.  The text format writes a bare number: N before the calls, what
    was read back after them."""
    if operation["op"] == "make_it_fail":
        rig.marked = bool(operation["on"])
    elif "set" in operation:
        rig.nth.left = max(operation["set"] - rig.refills, 1)
    elif "left" in operation:
        differences.compare(operation["line"], "fail-nth left", operation["left"], rig.nth.left)
    elif rig.nth_was_set:
        differences.compare(operation["line"], "fail-nth left", operation["value"], rig.nth.left)
    else:
        rig.nth.left = operation["value"]
        rig.nth_was_set = True


def _message(rig: _Rig, call: _Call) -> Iterable[str]:
    if rig.attr.verbose == 0 or call.gfp & _NOWARN:
        return
    allowed, kept_back = rig.limit.ask(jiffies_of(call.time_ns))
    if kept_back:
        yield f"fail_dump: {kept_back} callbacks suppressed"
    if allowed:
        yield from rig.attr.message()
        if rig.attr.verbose > 1:
            yield "CPU:"


def _compare_leftovers(recording: Recording, rig: _Rig, differences: Differences) -> None:
    """``times`` and ``space`` as read back."""
    meta = recording.meta
    after = {key: meta[f"{key}_after"] for key in ("times", "space") if f"{key}_after" in meta}
    short = "fs" if rig.attr.name == "failslab" else "fpa"
    for key in ("times", "space"):
        value = meta.get("attr_after", {}).get(f"{short}.{key}")
        if value is not None:
            after[key] = value
    for key, value in after.items():
        differences.compare(0, f"{key} afterwards", int(value), getattr(rig.attr, key))


def _compare_log(recording: Recording, printed: Sequence[str], differences: Differences) -> None:
    """The kernel's own log; of a stack dump only that it is there (its first line)."""
    suffix = ".jsonl.gz" if recording.x86 else ".oracle.gz"
    log = recording.path.with_name(recording.path.name.removesuffix(suffix) + ".dmesg.txt")
    if not log.exists():
        return
    starts = ("FAULT_INJECTION", "name ", "fail_dump", "CPU:")
    recorded = [
        (line, "CPU:" if text.startswith("CPU:") else text)
        for line, text in read_log(log)
        if text.startswith(starts)
    ]
    differences.compare(0, "lines of the injection message", len(recorded), len(printed))
    for (line, text), predicted in zip(recorded, printed, strict=False):
        differences.compare(line, "log", text, predicted)


def _check_rate(recording: Recording) -> CaseResult:
    """With a probability only the rate is comparable: the kernel's random numbers are not known."""
    settings = _settings(recording)
    eligible, failed = _eligible(recording)
    expected = eligible / max(settings["interval"], 1) * settings["probability"] / 100
    spread = _SIGMAS * math.sqrt(max(expected * (1 - settings["probability"] / 100), 1.0))
    near = abs(failed - expected) <= spread
    differences = Differences()
    if not near:
        differences.compare(0, "injected failures", failed, round(expected))
    return CaseResult(
        case=recording.name,
        set=recording.set,
        ops=eligible,
        outcome_exact=near,
        first_divergence=differences.first,
        notes=(f"rate only: {failed} failed of {eligible} eligible, {expected:.0f} expected",),
    )


def _eligible(recording: Recording) -> tuple[int, int]:
    """(calls that reach the common check while the task is marked, how many of them failed)."""
    rig = _Rig(recording)
    reaches: Callable[[_Call], bool] = (
        (lambda call: bool(call.object_size) and rig.slab.eligible(call.gfp))
        if rig.attr.name == "failslab"
        else (lambda call: not call.object_size and rig.page.eligible(call.order, call.gfp))
    )
    eligible = failed = 0
    for step in _calls(recording):
        if isinstance(step, dict):
            rig.marked = bool(step.get("on", rig.marked))
        elif rig.marked and reaches(step):
            eligible += 1
            failed += step.failed
    return eligible, failed


def check_fault_syscalls(path: Path) -> CaseResult:
    """fail-nth over system calls.  How many injectable calls one makes is the kernel's affair and
    varies with the state of its caches, so only what follows from any number is compared: N rises
    by one until three misses, the counter reads 0 exactly after an injection, else less than N.
    Raises TraceError.
    """
    differences = Differences()
    nth_of: dict[str, int] = {}
    misses_of: dict[str, int] = {}
    rows = _syscall_rows(path)
    for line, row in rows:
        name, nth, left = row["syscall"], row["nth"], row["left"]
        nth_of[name] = nth_of.get(name, 0) + 1
        differences.compare(line, f"{name} N", nth, nth_of[name])
        differences.compare(line, f"{name} ended", misses_of.get(name, 0) >= _MISSES, False)
        counter = FailNth(nth)
        injected = any(counter.count_down() for _ in range(nth - left))
        differences.compare(line, f"{name} injected", row["injected"], injected)
        differences.compare(line, f"{name} fail-nth left", left, counter.left)
        misses_of[name] = misses_of.get(name, 0) + (not injected)
    return CaseResult(
        case=path.name.removesuffix(".jsonl"),
        set=path.parent.name,
        ops=len(rows),
        outcome_exact=differences.count == 0,
        first_divergence=differences.first,
        notes=("number of injectable calls of each sequence taken from the recording",),
    )


def _syscall_rows(path: Path) -> list[tuple[int, Operation]]:
    try:
        text = path.read_text(encoding="utf-8")
        rows = [(number, json.loads(line)) for number, line in enumerate(text.splitlines(), 1)]
    except (OSError, ValueError) as error:
        raise TraceError(f"cannot read recording: {error}", path=str(path)) from None
    return rows

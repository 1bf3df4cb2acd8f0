"""The knobs of what-if: which values there are, and what a value does to a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import ClassVar, Protocol, cast

from buddysim.errors import ConfigError
from buddysim.mm.machine import Machine, build_machine
from buddysim.mm.spec import MIN_PAGES, MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.enlarge import only_grows, resized, size_of
from buddysim.replay.split_orders import split_orders
from buddysim.replay.start import machine_spec_for
from buddysim.source.event import CallerBy, EventKind, Trace
from buddysim.source.open import open_trace
from buddysim.units import PAGE_SIZE, format_bytes, parse_bytes

__all__ = ["Knob", "MemoryKnob", "MinFreeKnob", "OrderKnob", "knob_of"]

_KIB = 1024
_LOWMEM_LAST = 2
_LEAST_MIN_FREE_KB = 128
_LEAST_BYTES = MIN_PAGES * PAGE_SIZE
_MOST_BYTES = 64 << 30
_LIMIT_BYTES = 1 << 40
_MOST_SHARE = 4
"""Of memory: more is never reserved unless asked for."""
_SHRINK = 8
_GROW = 16
_MEMORY_STEP = 4 << 20
_ALLOC = int(EventKind.ALLOC)
_WORDS = "min_free_kbytes[=LOW..HIGH], mem[=LOW..HIGH], order[:CALLER_GLOB]"


class Knob(Protocol):
    """Something a sweep may turn."""

    @property
    def name(self) -> str:
        """``min_free_kbytes``, ``mem_bytes`` or ``least_split_order``."""
        ...

    @property
    def now(self) -> int:
        """The present value."""
        ...

    @property
    def falling(self) -> bool:
        """A smaller value is the larger change."""
        ...

    @property
    def resolution(self) -> int:
        """Values are multiples of this; 0: the grid is all there is."""
        ...

    def grid(self, points: int) -> list[int]:
        """The values to begin with, the present one among them."""
        ...

    def config(self, base: ReplayConfig, value: int) -> ReplayConfig:
        """How a run at ``value`` is configured."""
        ...

    def trace(self, trace: Trace, value: int) -> Trace:
        """What a run at ``value`` replays."""
        ...


@dataclass(frozen=True)
class _Range:
    """A knob whose values run from ``low`` to ``high``."""

    falling = False
    resolution: ClassVar[int]
    now: int
    low: int
    high: int

    def grid(self, points: int) -> list[int]:
        """Evenly spread by ratio, the present value among them."""
        step, ratio = self.resolution, self.high / self.low
        shares = (place / (points - 2) for place in range(points - 1))
        values = (round(self.low * ratio**share / step) * step for share in shares)
        inside = {min(max(value, self.low), self.high) for value in values}
        return sorted({*inside, self.now})

    def trace(self, trace: Trace, value: int) -> Trace:
        """The trace as it is."""
        return trace


@dataclass(frozen=True)
class MinFreeKnob(_Range):
    """vm.min_free_kbytes, in KiB."""

    name = "min_free_kbytes"
    resolution = PAGE_SIZE // _KIB

    def config(self, base: ReplayConfig, value: int) -> ReplayConfig:
        """With the sysctl set, after all others; at the present value as it is."""
        if value == self.now:
            return base
        return replace(base, sysctl=(*base.sysctl, f"min_free_kbytes={value}"))


@dataclass(frozen=True)
class MemoryKnob(_Range):
    """Memory of the whole machine, in bytes, cpus and sysctls as they are."""

    name = "mem_bytes"
    resolution = _MEMORY_STEP
    spec: MachineSpec

    def config(self, base: ReplayConfig, value: int) -> ReplayConfig:
        """With the machine resized."""
        spec = resized(self.spec, value)
        return replace(base, machine_spec=spec, sysctl=())


@dataclass(frozen=True)
class OrderKnob:
    """The least order whose requests are split into single pages, of some callers.

    Its values are the orders that occur, and one more than the highest for "none".
    """

    name = "least_split_order"
    falling = True
    resolution = 0
    caller: str
    orders: tuple[int, ...]
    """Those above 0 that occur, ascending."""
    spec: MachineSpec

    @property
    def now(self) -> int:
        """Nothing is split."""
        return self.orders[-1] + 1

    def grid(self, points: int) -> list[int]:
        """Every value, the smallest change first; there are never more than 11."""
        return [self.now, *reversed(self.orders)]

    def config(self, base: ReplayConfig, value: int) -> ReplayConfig:
        """On the very machine that the whole trace begins with."""
        return replace(base, machine_spec=self.spec)

    def trace(self, trace: Trace, value: int) -> Trace:
        """Rewritten, unless nothing is split."""
        return trace if value == self.now else split_orders(trace, self.caller, value)


def knob_of(text: str, path: str, config: ReplayConfig) -> Knob:
    """What ``--what-if TEXT`` means for a trace.  Raises ConfigError, TraceError."""
    name, equals, values = text.partition("=")
    word, colon, caller = name.partition(":")
    if word == "order" and not equals and bool(colon) == bool(caller):
        return _order_knob(path, config, caller or "*")
    if name not in {"min_free_kbytes", "mem"} or bool(equals) != bool(values):
        raise ConfigError(f"--what-if {text}", expected=_WORDS)
    spec = machine_spec_for(_open(path, config), config)
    if name == "mem":
        return _memory_knob(text, values, spec)
    return _min_free_knob(text, values, build_machine(spec))


def _min_free_knob(text: str, values: str, machine: Machine) -> MinFreeKnob:
    lowmem = [zone for zone in machine.zones if zone.zone_index <= _LOWMEM_LAST]
    now = sum(zone.mark_min for zone in lowmem) * PAGE_SIZE // _KIB
    most = sum(zone.managed for zone in lowmem) * PAGE_SIZE // _KIB // _MOST_SHARE
    low = max(min(_LEAST_MIN_FREE_KB, now // _SHRINK), MinFreeKnob.resolution)
    high = max(most, low + MinFreeKnob.resolution)
    if values:
        low, high = _range(text, values, int)
        if low < 1 or high > most * _MOST_SHARE:
            raise ConfigError(f"--what-if {text}", expected=f"1..{most * _MOST_SHARE}")
    return MinFreeKnob(now, low, high)


def _memory_knob(text: str, values: str, spec: MachineSpec) -> MemoryKnob:
    now, grows = size_of(spec), only_grows(spec)
    low = now if grows else max(now // _SHRINK, _LEAST_BYTES)
    high = min(now * _GROW, max(_MOST_BYTES, now))
    if values:
        low, high = _range(text, values, parse_bytes)
        if low < _LEAST_BYTES or high > _LIMIT_BYTES:
            raise ConfigError(f"--what-if {text}", expected="4M to 1T")
        if grows and low < now:
            raise ConfigError(
                f"--what-if {text}",
                expected=f"{format_bytes(now)} or more",
                hint="the start state says which pages are in use",
            )
    return MemoryKnob(now, low, high, spec)


def _range(text: str, values: str, parse: Callable[[str], int]) -> tuple[int, int]:
    """LOW..HIGH.  Raises ConfigError."""
    low, dots, high = values.partition("..")
    try:
        found = parse(low), parse(high)
    except ValueError:
        found = 0, 0
    if not dots or not 0 < found[0] < found[1]:
        raise ConfigError(f"--what-if {text}", expected="NAME=LOW..HIGH with LOW below HIGH")
    return found


def _order_knob(path: str, config: ReplayConfig, caller: str) -> OrderKnob:
    trace = _open(path, config)
    spec = machine_spec_for(trace, config)
    orders: set[int] = set()
    for batch in trace.batches():
        names = trace.tables.callers
        wanted = [fnmatchcase(name, caller) for name in names]
        orders |= {
            order
            for order, kind, who in zip(batch.order, batch.kind, batch.caller, strict=True)
            if order > 0 and kind == _ALLOC and wanted[who]
        }
    if not orders:
        who = "no caller" if caller == "*" else f"no caller that matches {caller!r}"
        raise ConfigError(f"--what-if order: {who} asks for more than single pages", path=path)
    return OrderKnob(caller, tuple(sorted(orders)), spec)


def _open(path: str, config: ReplayConfig) -> Trace:
    by = cast("CallerBy", config.caller_by)
    return open_trace(path, profile=config.profile, caller_by=by)

"""Decodes the repeated parts of raw tracepoint records, from perf or from a ring buffer."""

from __future__ import annotations

import struct
from collections.abc import Callable

from buddysim.errors import ConfigError
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import decode_mask
from buddysim.kernel.migratetype import from_printed
from buddysim.source.caller_names import CallerNames
from buddysim.source.event import EventKind, TraceMeta
from buddysim.source.event_shape import EVENT_OTHER, EVENT_SLAB
from buddysim.source.fields import FieldReader
from buddysim.source.kallsyms import SymbolTable
from buddysim.source.perf_format import Field, Format
from buddysim.source.perf_samples import RawEvent
from buddysim.source.tracepoints import KIND_NAMES, TRACEPOINTS

__all__ = ["PerfDecoder"]

_HEAD = struct.Struct("<HBB")
_COMMON_BYTES = 8
_NUMBER_BYTES = 8
_MARKERS = -4095
"""Addresses above it (as signed numbers) are context markers of a call chain."""
_FLAGS = (
    (0x01, Context.IRQS_OFF),
    (0x08, Context.HARDIRQ),
    (0x10, Context.SOFTIRQ),
    (0x40, Context.NMI),
    (0x80, Context.BH_OFF),
)
_DEPTH = 0x0F
_OWN_DEPTH = 1
"""perf's probe itself runs with preemption off."""
_UNKNOWN_FORMAT = Format("", 0, {})
_NUMBERS = ("pfn", "page", "ptr")


class PerfDecoder:
    """The :class:`perf_samples.RecordDecoder` of one file."""

    def __init__(
        self,
        meta: TraceMeta,
        names: CallerNames,
        formats: dict[int, Format],
        era: str,
        *,
        own_depth: int = _OWN_DEPTH,
    ) -> None:
        """``own_depth``: how often the recorder itself has switched preemption off."""
        self._own_depth = own_depth
        self._meta = meta
        self._names = names
        self._formats = formats
        self._types: list[Format] = []
        self._fields = FieldReader(era)
        self._era = era
        self._numbers: dict[int, int] = {}
        self.tids: list[int] = []
        self._symbols: SymbolTable | None = None
        self.load_symbols: Callable[[], SymbolTable | None] | None = None
        """How to name addresses; called when the first one is met."""

    def event(self, head: bytes) -> RawEvent:
        """See :class:`perf_samples.RecordDecoder`."""
        number, flags, preempt = _HEAD.unpack(head)
        form = self._formats.get(number, _UNKNOWN_FORMAT)
        context = sum(int(bit) for mask, bit in _FLAGS if flags & mask)
        if preempt & _DEPTH > self._own_depth:
            context |= int(Context.PREEMPT_OFF)
        point = TRACEPOINTS.get(form.name)
        value = next((form.fields[name] for name in _NUMBERS if name in form.fields), None)
        if point is None or (value is None and point.shape <= EVENT_SLAB):
            name = self._names.name(form.name or f"event {number}")
            return RawEvent(
                int(EventKind.OTHER), EVENT_OTHER, context, name, self._type(form), 8, 8, 8
            )
        kind = int(point.kind)
        if KIND_NAMES[kind] != form.name:
            self._meta.kind_names[kind] = form.name
        number_at = value.offset if value and point.shape <= EVENT_SLAB else _COMMON_BYTES
        tail_at = number_at + (_NUMBER_BYTES if point.shape <= EVENT_SLAB else 0)
        return RawEvent(
            kind,
            point.shape,
            context,
            0,
            self._type(form),
            number_at,
            tail_at,
            max(tail_at, *(field.offset + field.size for field in form.fields.values())),
            int(point.kind is EventKind.ALLOC),
            int("page" in form.fields and "pfn" not in form.fields),
        )

    def _type(self, form: Format) -> int:
        if form not in self._types:
            self._types.append(form)
        return self._types.index(form)

    def tail(self, type_number: int, raw: bytes) -> tuple[int, int, int, int] | None:
        """See :class:`perf_samples.RecordDecoder`."""
        fields = self._types[type_number].fields
        try:
            return self._columns(fields, raw)
        except (ConfigError, ValueError):
            return None

    def _columns(self, fields: dict[str, Field], raw: bytes) -> tuple[int, int, int, int]:
        told = {name: field.value(raw) for name, field in fields.items()}
        order = told.get("order", told.get("alloc_order", 0))
        if not -1 <= order <= 10:
            raise ValueError(order)
        number = told.get("migratetype", told.get("alloc_migratetype"))
        migratetype = -1 if number is None else from_printed(number, self._era)
        gfp = told.get("gfp_flags", told.get("gfp_mask", 0)) & 0xFFFFFFFF
        return order, migratetype, decode_mask(gfp, self._era), self._fields.aux(told)

    @property
    def symbols(self) -> SymbolTable | None:
        """Names of addresses, None when there are none to be had."""
        if self.load_symbols is not None:
            self._symbols = self.load_symbols()
            self.load_symbols = None
        return self._symbols

    def site(self, address: int) -> int:
        """See :class:`perf_samples.RecordDecoder`."""
        symbols = self.symbols
        if symbols is None:
            return 0
        return self._names.of_site(symbols.frame(address & 2**64 - 1))

    def frames(self, addresses: bytes) -> tuple[int, int]:
        """See :class:`perf_samples.RecordDecoder`."""
        chain = [
            address & 2**64 - 1
            for (address,) in struct.iter_unpack("<q", addresses)
            if not _MARKERS <= address < 0
        ]
        if not chain:
            return 0, 0
        symbols = self.symbols
        if symbols is None:
            return self._names.stack(tuple(f"{address:#x}" for address in chain)), 0
        frames = tuple(symbols.frame(address) for address in chain)
        return self._names.stack(frames), self._names.of_frames(frames)

    def thread(self, tid: int) -> int:
        """See :class:`perf_samples.RecordDecoder`."""
        number = self._numbers.get(tid)
        if number is None:
            number = self._numbers[tid] = len(self.tids)
            self.tids.append(tid)
        return number

    def number_of(self, tid: int) -> int:
        """See :class:`perf_samples.RecordDecoder`."""
        return self._numbers.get(tid, -1)

"""The text of a page allocation failure report in the words of each era (fact sheet 10.1..10.3).

Functions return lines without time stamps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from buddysim.kernel.context import Context
from buddysim.kernel.failure_report import (
    VMALLOC_REASONS,
    ReportField,
    ReportLayout,
    layout_of,
)
from buddysim.kernel.gfp import encode_mask, format_names
from buddysim.kernel.migratetype import letter_of, printed_order
from buddysim.kernel.profile import Profile
from buddysim.warn.report_input import NodeInput, ReportInput, ReportOptions, ZoneInput

__all__ = [
    "call_trace",
    "failure_report",
    "first_line",
    "free_list_line",
    "memory_dump",
    "vmalloc_line",
]

_KB_PER_PAGE = 4
_IN_KB = frozenset({"kernel_stack"})
"""Counters that the kernel keeps in KiB."""
_INTERRUPT = int(Context.SOFTIRQ | Context.HARDIRQ)


def failure_report(view: ReportInput, profile: Profile) -> list[str]:
    """The whole report: first line, stack, memory dump."""
    return [
        *first_line(view, profile),
        *call_trace(view, profile),
        *memory_dump(view, profile),
    ]


def first_line(view: ReportInput, profile: Profile) -> list[str]:
    """``NAME: page allocation failure: order:...``; two lines where cpusets have their own."""
    stop = "." if profile.warning_line == "failure." else ":"
    what = f"page allocation failure{stop} order:{view.order}"
    return _headline(view, profile, what)


def vmalloc_line(
    view: ReportInput, profile: Profile, reason: str, nr_bytes: int, *, array_bytes: int = 0
) -> list[str]:
    """The same for a failed vmalloc (10.7).  ``reason``: a key of ``VMALLOC_REASONS``."""
    what = VMALLOC_REASONS[reason].format(bytes=nr_bytes, array_bytes=array_bytes)
    return _headline(view, profile, what)


def _headline(view: ReportInput, profile: Profile, what: str) -> list[str]:
    mode = encode_mask(view.gfp, profile.gfp_era)
    if not profile.printk_names:
        return [f"{view.comm}: {what}, mode:0x{mode:x}"]
    line = f"{view.comm}: {what}, mode:{mode:#x}({format_names(view.gfp, profile.gfp_era)})"
    if profile.warning_line == "names":
        return [line]
    line += ", nodemask=(null)"
    cpuset = layout_of(profile.name).cpuset if view.options.cpusets else ""
    if cpuset == "same-line":
        return [f"{line},cpuset=/,mems_allowed=0"]
    if cpuset == "own-line":
        return [line, f"{view.comm} cpuset=/ mems_allowed=0"]
    return [line]


def call_trace(view: ReportInput, profile: Profile) -> list[str]:
    """The stack with its heading (10.2); only the heading when the frames are not known."""
    layout = layout_of(profile.name)
    release = view.options.release or profile.name
    taint = view.options.taint
    lines = {
        "pid": [f"Pid: {view.pid}, comm: {view.comm} {taint} {release}", ""],
        "cpu": [f"CPU: {view.cpu} PID: {view.pid} Comm: {view.comm} {taint} {release}"],
        "cpu-task": [f"CPU: {view.cpu} PID: {view.pid} Comm: {view.comm} {taint} {release}"],
        "cpu-uid": [
            f"CPU: {view.cpu} UID: {view.uid} PID: {view.pid} Comm: {view.comm} {taint} {release} "
        ],
    }[layout.stack]
    return [*lines, "Call Trace:", *_frames(view, layout)] if view.frames else lines


def _frames(view: ReportInput, layout: ReportLayout) -> Iterator[str]:
    interrupt = bool(view.context & _INTERRUPT)
    if layout.stack == "pid" and interrupt:
        yield f" <IRQ>  {view.frames[0]}"
        yield from (f" {frame}" for frame in view.frames[1:])
        return
    marker = "IRQ" if interrupt else "TASK"
    marked = interrupt or layout.stack in {"cpu-task", "cpu-uid"}
    if marked:
        yield f" <{marker}>"
    yield from (f" {frame}" for frame in view.frames)
    if marked:
        yield f" </{marker}>"


def memory_dump(view: ReportInput, profile: Profile) -> list[str]:
    """``Mem-Info:`` and all that follows it."""
    layout = layout_of(profile.name)
    zones = [
        zone
        for zone in view.zones
        if not layout.own_zones_only or zone.zone_index <= view.highest_zone
    ]
    options = view.options
    lines = [layout.title]
    if layout.per_cpu:
        lines += [line for zone in zones for line in _per_cpu(zone, options)]
    for number, fields in enumerate(layout.counters):
        lines.append((" " if number else "") + _format_fields(fields, view.counters, options))
    lines += [_node_line(node, layout, options) for node in view.nodes if layout.node]
    for zone in zones:
        lines.append(_zone_line(zone, layout, options))
        lines.append("lowmem_reserve[]:" + "".join(f" {n}" for n in zone.lowmem_reserve))
    for zone in zones:
        prefix = _prefix(zone, options)
        lines.append(prefix + free_list_line(zone, profile, letters=layout.letters))
    lines += _hugepages(view, layout)
    lines += _tail(layout.tail, view.totals, options)
    return lines


def free_list_line(zone: ZoneInput, profile: Profile, *, letters: bool) -> str:
    """``DMA: 1*4kB (U) 0*8kB ... = 772kB``, without the node."""
    words = []
    pages = 0
    order_of_types = printed_order(profile.name)
    for order, blocks in enumerate(zone.free_blocks):
        count = sum(blocks.values())
        pages += count << order
        word = f"{count}*{_KB_PER_PAGE << order}kB"
        if letters and count:
            types = "".join(
                letter_of(each, profile.name) for each in order_of_types if blocks.get(each)
            )
            word += f" ({types})"
        words.append(word)
    return f"{zone.name}: {' '.join(words)} = {pages * _KB_PER_PAGE}kB"


def _prefix(zone: ZoneInput, options: ReportOptions) -> str:
    return f"Node {zone.node} " if options.numa else ""


def _per_cpu(zone: ZoneInput, options: ReportOptions) -> Iterator[str]:
    yield f"{_prefix(zone, options)}{zone.name} per-cpu:"
    for cpu, pageset in enumerate(zone.pagesets):
        yield (
            f"CPU {cpu:4d}: hi:{pageset.high:5d}, btch:{pageset.batch:4d} usd:{pageset.count:4d}"
        )


def _format_fields(
    fields: Sequence[ReportField], values: Mapping[str, int], options: ReportOptions
) -> str:
    words = []
    for field in fields:
        if field.needs and not getattr(options, field.needs):
            continue
        value = values.get(field.label, 0)
        if field.unit and field.label not in _IN_KB:
            value *= _KB_PER_PAGE
        words.append(f"{field.label}:{' ' if field.spaced else ''}{value}{field.unit}")
    return " ".join(words)


def _node_line(node: NodeInput, layout: ReportLayout, options: ReportOptions) -> str:
    text = _format_fields(layout.node, node.counters, options)
    return f"Node {node.node} {text} all_unreclaimable? {_yes(node.all_unreclaimable)}"


def _zone_line(zone: ZoneInput, layout: ReportLayout, options: ReportOptions) -> str:
    text = _format_fields(layout.zone, zone.counters, options)
    line = f"{_prefix(zone, options)}{zone.name} {text}"
    if layout.unreclaimable == "zone":
        line += f" all_unreclaimable? {_yes(zone.all_unreclaimable)}"
    return line


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _hugepages(view: ReportInput, layout: ReportLayout) -> Iterator[str]:
    if not view.options.hugepages or not layout.node:
        return
    for node in view.nodes:
        yield (
            f"Node {node.node} hugepages_total=0 hugepages_free=0 hugepages_surp=0 "
            "hugepages_size=2048kB"
        )


def _tail(
    formats: Sequence[str], totals: Mapping[str, int], options: ReportOptions
) -> Iterator[str]:
    values = _Zeros(totals)
    for text in formats:
        body, _, needs = text.partition("@")
        if not needs or getattr(options, needs):
            yield body.format_map(values)


class _Zeros(dict[str, int]):
    """Totals that are not known print as 0."""

    def __missing__(self, key: str) -> int:
        return 0

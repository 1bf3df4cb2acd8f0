"""An :class:`Inspection` on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from buddysim.report.inspect import Inspection
from buddysim.source.doctor import EFFECTS
from buddysim.units import format_duration

__all__ = ["render_inspection"]

_MOST_CALLERS = 15


def render_inspection(inspection: Inspection) -> RenderableType:
    """Summary first, then events, orders by migratetype, oddities and callers."""
    parts = [
        _summary(inspection),
        _facts(inspection),
        *_titled("Events by kind", _kinds(inspection)),
    ]
    if any(map(any, inspection.orders_by_migratetype.values())):
        parts += _titled("Successful page requests by migratetype and order", _orders(inspection))
    parts += _titled("Does it balance?", _oddities(inspection))
    parts += _titled("Who asks, and from which context", _callers(inspection))
    return Group(*parts)


def _titled(title: str, body: RenderableType) -> list[RenderableType]:
    return [Text(""), Text(title, style="bold"), body]


def _summary(inspection: Inspection) -> Text:
    failed = inspection.failed_allocations
    return Text(
        f"{inspection.path}: {inspection.events:,} events in "
        f"{format_duration(inspection.span_ns)}, {inspection.callers} callers, "
        f"{failed:,} failed allocation{'' if failed == 1 else 's'}",
        style="bold",
    )


def _facts(inspection: Inspection) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row("format", inspection.format)
    grid.add_row("recognised by", Text(inspection.layout))
    grid.add_row("kernel era", inspection.profile or "not told by the text; give --profile")
    grid.add_row("cpus", ", ".join(map(str, inspection.cpus)))
    if inspection.lines:
        skipped = f", {inspection.skipped_lines:,} skipped" if inspection.skipped_lines else ""
        grid.add_row("lines", f"{inspection.lines:,}{skipped}")
    if inspection.lost_events:
        lost = f"{inspection.lost_events:,} events overran the ring buffer"
        grid.add_row("lost", lost, style="red")
    if inspection.truncated:
        grid.add_row("cut", "the file ends in the middle of an event", style="red")
    words = ", ".join(f"{name} {count:,}" for name, count in inspection.contexts.items())
    grid.add_row("contexts", words or "no requests")
    if inspection.kept:
        grid.add_row("kept with it", ", ".join(inspection.kept))
    for moment, pages in inspection.pages_by_kind.items():
        told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in pages.items())
        grid.add_row(f"pages {moment}", told)
    grid.add_row("events digest", inspection.events_digest)
    return grid


def _kinds(inspection: Inspection) -> Table:
    table = Table("event", box=None)
    table.add_column("count", justify="right")
    for name, count in inspection.events_by_kind.items():
        table.add_row(Text(name), f"{count:,}")
    return table


def _orders(inspection: Inspection) -> Table:
    table = Table("migratetype", box=None)
    rows = inspection.orders_by_migratetype.values()
    used = [order for order in range(11) if any(row[order] for row in rows)]
    for order in used:
        table.add_column(str(order), justify="right")
    for name, counts in inspection.orders_by_migratetype.items():
        if any(counts):
            table.add_row(name, *(f"{counts[order]:,}" for order in used))
    return table


def _oddities(inspection: Inspection) -> RenderableType:
    found = {name: count for name, count in inspection.reconciled.items() if count}
    if not found:
        return Text("Every free has its allocation; nothing to reconcile.")
    table = Table("oddity", box=None)
    table.add_column("count", justify="right")
    table.add_column("meaning")
    for name, count in found.items():
        table.add_row(name, f"{count:,}", EFFECTS[name])
    table.add_row("live at the end", f"{inspection.live_at_end:,}", "blocks not freed in the trace")
    return table


def _callers(inspection: Inspection) -> Table:
    table = Table("caller", box=None)
    table.add_column("requests", justify="right")
    table.add_column("failed", justify="right")
    table.add_column("contexts")
    for row in inspection.by_caller[:_MOST_CALLERS]:
        contexts = ", ".join(f"{name} {count:,}" for name, count in row.contexts.items())
        table.add_row(Text(row.caller), f"{row.requests:,}", f"{row.failed:,}", contexts)
    rest = len(inspection.by_caller) - _MOST_CALLERS
    if rest > 0:
        table.add_row(f"and {rest} more", "", "", "")
    return table

"""Zones as bars by order; free memory, fragmentation and its holders over time as sparklines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["render_history", "render_zones", "sparkline"]

Row = Mapping[str, Any]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_HISTORY = 28
_HOLDERS = 3
_LABEL = 22
_LARGEST = 10


def sparkline(values: Sequence[float], top: float) -> str:
    """One glyph a value, scaled to ``top``; empty for no values."""
    scale = len(_BLOCKS) - 1
    return "".join(
        _BLOCKS[min(scale, max(0, round(value * scale / top)))] if top > 0 else _BLOCKS[0]
        for value in values
    )


def render_zones(zones: Sequence[Row]) -> RenderableType:
    """Free pages against the marks, and free blocks by order with their share of free memory."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    table.add_column("zone", no_wrap=True)
    for name in ("free", "min", "low", "high"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("free blocks by order 0..10", overflow="fold", ratio=1)
    table.add_column("share", no_wrap=True)
    table.add_column("unusable 3/9", justify="right", no_wrap=True)
    for zone in zones:
        table.add_row(
            f"{zone['node']} {zone['name']}",
            Text(f"{zone['free_pages']:,}", style=_level(zone)),
            f"{zone['min_pages']:,}",
            f"{zone['low_pages']:,}",
            f"{zone['high_pages']:,}",
            " ".join(str(count) for count in zone["nr_free"]),
            sparkline(_shares(zone), 1.0),
            f"{zone['unusable_index'][3]:.2f}/{zone['unusable_index'][9]:.2f}",
        )
    return table


def _shares(zone: Row) -> list[float]:
    free = sum(count << order for order, count in enumerate(zone["nr_free"])) or 1
    return [(count << order) / free for order, count in enumerate(zone["nr_free"])]


def _level(zone: Row) -> str:
    if zone["free_pages"] <= zone["min_pages"]:
        return "bold red"
    return "yellow" if zone["free_pages"] <= zone["low_pages"] else "green"


def render_history(report: Row) -> RenderableType:
    """Free pages and fragmentation by zone, what the largest callers held, failures so far."""
    places = _thinned(len(report["samples"]))
    samples = [report["samples"][place] for place in places]
    text = Text()
    for index, zone in enumerate(report["zones"]):
        _zone_history(text, f"{zone['node']} {zone['name']}", samples, index)
    for row in report["occupancy"][:_HOLDERS]:
        held = [row["pages"][place] for place in places]
        told = f"peak {row['peak_pages']:,}, end {held[-1]:,}"
        _line(text, f"held by {row['caller']}", held, max(held), told, "magenta")
    failed = [sample["failed"] for sample in samples]
    _line(text, "failures", failed, max(*failed, 1), f"{failed[-1]:,} in all", "red")
    text.rstrip()
    return text


def _zone_history(text: Text, name: str, samples: Sequence[Row], index: int) -> None:
    """One zone: free pages always, the rest where there is something to see."""
    free = [sample["free_pages"][index] for sample in samples]
    _line(text, f"{name} free", free, max(free), f"{min(free):,}..{max(free):,} pages", "cyan")
    for place, order in enumerate((3, 9)):
        share = [sample["unusable_index"][index][place] for sample in samples]
        if max(share) > 0:
            told = f"{min(share):.2f}..{max(share):.2f}"
            _line(text, f"  unusable {order}", share, 1.0, told, "yellow")
    orders = [sample["largest_order"][index] for sample in samples]
    if min(orders) < _LARGEST:
        told = f"{min(orders)}..{max(orders)}"
        _line(text, "  largest order", orders, _LARGEST, told, "green")


def _line(
    text: Text, name: str, values: Sequence[float], top: float, told: str, colour: str
) -> None:
    label = name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    text.append(f"{label:<{_LABEL}}  ")
    text.append(sparkline(values, top), colour)
    text.append(f"  {told}\n")


def _thinned(samples: int) -> list[int]:
    """Numbers of at most _HISTORY samples, evenly spread, the first and the last among them."""
    if samples <= _HISTORY:
        return list(range(samples))
    return [place * (samples - 1) // (_HISTORY - 1) for place in range(_HISTORY)]

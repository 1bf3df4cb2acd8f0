"""Zones as bars by order, and free memory over time as sparklines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["render_history", "render_zones", "sparkline"]

Row = Mapping[str, Any]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_HISTORY = 44


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
    """Per zone: free pages, evenly thinned; then the failures so far."""
    samples = _thinned(report["samples"])
    text = Text()
    for index, zone in enumerate(report["zones"]):
        values = [sample["free_pages"][index] for sample in samples]
        text.append(f"{zone['node']} {zone['name']:<8}")
        text.append(sparkline(values, max(values)), "cyan")
        text.append(f"  {min(values):,}..{max(values):,} pages\n")
    failed = [sample["failed"] for sample in samples]
    text.append(f"{'failures':<10}")
    text.append(sparkline(failed, max(*failed, 1)), "red")
    text.append(f"  {failed[-1]:,} in all")
    return text


def _thinned(samples: Sequence[Row]) -> list[Row]:
    if len(samples) <= _HISTORY:
        return list(samples)
    last = len(samples) - 1
    return [samples[position * last // (_HISTORY - 1)] for position in range(_HISTORY)]

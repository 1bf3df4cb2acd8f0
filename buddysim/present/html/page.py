"""The HTML report: one file, no network, readable by eyes, keyboards and screen readers.

Input is the public JSON document of ``buddysim replay`` (its schema is the contract), a film of
the run, and its failures.  The file's size depends on the film's frames, not on the trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from buddysim.present.html import charts, series, tables
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.film import Film

__all__ = ["build_page"]

Document = Mapping[str, Any]

_SECTIONS = (
    ("summary", "Summary"),
    ("findings", "Findings"),
    ("callers", "Callers"),
    ("map", "Memory map"),
    ("marks", "Watermarks"),
    ("orders", "Free blocks by order"),
    ("fragmentation", "Fragmentation"),
    ("holders", "Who held the pages"),
)
_FEW_CELLS = 128
_TYPES = ("unmovable", "movable", "reclaimable", "highatomic", "cma", "isolate")


def build_page(document: Document, film: Film, failures: Sequence[FailureRow]) -> str:
    """The whole page.  The same input gives the same text."""
    title = f"buddysim: {document['trace']['path']}"
    parts = {
        "summary": tables.summary(document),
        "findings": tables.findings(document["findings"]),
        "callers": tables.callers(document["callers"]),
        "map": _memory_map(film),
        "marks": _watermarks(film, failures),
        "orders": _orders(film),
        "fragmentation": _fragmentation(document, film),
        "holders": _holders(document, film),
    }
    body = "\n".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>\n{parts[name]}</section>'
        for name, heading in _SECTIONS
    )
    links = "".join(f'<li><a href="#{name}">{heading}</a></li>' for name, heading in _SECTIONS)
    return _PAGE.format(
        title=escape(title),
        css=_asset("page.css"),
        script=_asset("page.js"),
        links=links,
        body=body,
        origin=_origin(document),
    )


def _asset(name: str) -> str:
    return (files("buddysim.present.html") / name).read_text(encoding="utf-8")


def _origin(document: Document) -> str:
    return escape(
        f"buddysim {document['buddysim']}, core {document['build']}, kernel profile "
        f"{document['profile']}, seed {document['seed']}"
    )


def _memory_map(film: Film) -> str:
    last = len(film.frames) - 1
    zones = film.frames[-1].zones
    nr_cells = sum(len(zone.cell_types) for zone in zones)
    cells = "<span></span>" * nr_cells
    few = " class=few" if nr_cells <= _FEW_CELLS else ""
    legend = "".join(f'<li><i style="background:var(--{name})"></i>{name}</li>' for name in _TYPES)
    per_cell = "one pageblock" if film.cell_blocks == 1 else f"{film.cell_blocks} pageblocks"
    return f"""\
<p class="quiet">Each cell is {per_cell}, zone by zone in address order; colour is
the type, the height of the fill is the share in use. {_spacing(film)}</p>
<ul class="legend">{legend}</ul>
<div class="controls"><label for="map-slider">Moment of the run</label>
<input id="map-slider" type="range" min="0" max="{last}" value="{last}"></div>
<p id="map-when" aria-live="polite"></p>
<div id="map-cells"{few} role="img" aria-labelledby="map map-when">{cells}</div>
<script type="application/json" id="map-data">{series.map_frames(film)}</script>
"""


def _spacing(film: Film) -> str:
    if film.every == 1:
        return "Every event has its picture."
    return f"One picture every {film.every:,} events; the events between are not shown."


def _watermarks(film: Film, failures: Sequence[FailureRow]) -> str:
    shown = len(failures[:: series.failure_step(len(failures))])
    axis = series.axis_of(film)
    parts = [_thinning(shown, len(failures))]
    for at, zone in enumerate(film.frames[-1].zones):
        points = series.failure_points(failures, axis, at)
        drawn = charts.watermarks(series.mark_rows(axis, at), points, axis.title)
        lowest = min(frame.zones[at].free for frame in film.frames)
        title = (
            f"Zone {zone.name} of node {zone.node}: free pages against min {zone.min}, "
            f"low {zone.low} and high {zone.high}; lowest {lowest:,}, last {zone.free:,}"
        )
        parts.append(_figure(charts.render_svg(drawn, title), title))
    return "".join(parts)


def _thinning(shown: int, failures: int) -> str:
    if failures == 0:
        return '<p class="quiet">No request failed.</p>'
    if failures <= series.FAILURE_POINTS_MAX:
        return f'<p class="quiet">Failures: {failures:,}, each one a point.</p>'
    return f'<p class="quiet">Failures: {failures:,}; {shown:,} of them, evenly, are drawn.</p>'


def _orders(film: Film) -> str:
    title = "Free pages over the run, stacked by the order of the block they are in"
    axis = series.axis_of(film)
    drawn = charts.free_by_order(series.order_rows(axis), axis.title)
    return _figure(charts.render_svg(drawn, title), title)


def _fragmentation(document: Document, film: Film) -> str:
    title = (
        "Unusable free space index by order over the run: the share of free memory in blocks too "
        "small for that order"
    )
    axis = series.axis_of(film)
    drawn = charts.fragmentation(series.fragmentation_rows(axis), axis.title)
    return _figure(charts.render_svg(drawn, title), title) + tables.indices(document["zones"])


def _holders(document: Document, film: Film) -> str:
    callers = [row["caller"] for row in document["occupancy"]]
    axis = series.axis_of(film)
    rows = series.held_rows(axis, document)
    told = tables.holders(document["failures"])
    if not rows:
        return "<p>No caller held a page when the run was looked at.</p>" + told
    title = f"Pages held over the run by the callers that held the most: {', '.join(callers)}"
    drawn = charts.held_by(rows, callers, axis.title)
    return _figure(charts.render_svg(drawn, title), title) + told


def _figure(svg: str, caption: str) -> str:
    return (
        f'<figure><div class="scroll">{svg}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{css}</style>
</head>
<body>
<a class="skip" href="#summary">Skip to the summary</a>
<header><h1>{title}</h1><button id="theme" type="button" hidden>Light or dark</button></header>
<p class="quiet">{origin}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>
{body}
</main>
<script>
{script}</script>
</body>
</html>
"""

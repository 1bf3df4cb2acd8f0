"""Charts of the HTML report: Vega-Lite specifications, rendered to SVG when the file is written.

Rendering early keeps the file small, printable and free of foreign scripts.  Colours are CSS
variables of the page, so one drawing serves the light and the dark theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from buddysim.errors import ConfigError

__all__ = ["Row", "fragmentation", "free_by_order", "held_by", "render_svg", "watermarks"]

Row = Mapping[str, float | str]
Spec = dict[str, object]

_WIDTH = 860
_ORDERS = [str(order) for order in range(11)]
_MARK_NAMES = ["free", "high", "low", "min"]
_MARK_COLOURS = ["var(--s0)", "var(--s2)", "var(--s1)", "var(--error)"]
_TEXT = "var(--text)"


def render_svg(spec: Spec, title: str) -> str:
    """The drawing as an ``svg`` element with ``title`` as its text alternative.

    Raises ConfigError when the ``html`` extra is not installed.
    """
    try:
        import vl_convert
    except ModuleNotFoundError as error:
        raise ConfigError(
            "--html needs the vl-convert-python package", hint="pip install 'buddysim[html]'"
        ) from error

    svg: str = vl_convert.vegalite_to_svg({**_frame(), **spec})
    opening = f'<svg role="img" aria-label="{escape(title)}" '
    return svg.replace("<svg ", opening, 1)


def watermarks(rows: Sequence[Row], failures: Sequence[Row], title: str) -> Spec:
    """Free pages of one zone against its marks, with every failure as a point.

    ``title`` names the axis.  Rows: ``at`` on it, ``pages``, ``line`` (free, high, low, min).
    Failures: ``at``, ``pages`` (free at that moment), ``origin``.
    """
    colour = {
        "field": "line",
        "type": "nominal",
        "title": None,
        "scale": {"domain": _MARK_NAMES, "range": _MARK_COLOURS},
    }
    lines = {
        "data": {"values": list(rows)},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.8},
        "encoding": {"x": _along(title), "y": _log_pages(), "color": colour},
    }
    points = {
        "data": {"values": list(failures)},
        "mark": {"type": "point", "filled": True, "size": 45, "color": "var(--error)"},
        "encoding": {
            "x": _along(title),
            "y": _log_pages(),
            "shape": {"field": "origin", "type": "nominal", "title": "failure"},
        },
    }
    return {"layer": [lines, points] if failures else [lines], "height": 240}


def free_by_order(rows: Sequence[Row], title: str) -> Spec:
    """Free pages stacked by the order of the block they are in.  Rows: at, pages, order."""
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "area", "interpolate": "step-after"},
        "height": 240,
        "encoding": {
            "x": _along(title),
            "y": {"field": "pages", "type": "quantitative", "title": "free pages", "stack": "zero"},
            "fill": {
                "field": "order",
                "type": "ordinal",
                "sort": _ORDERS,
                "scale": {"domain": _ORDERS, "scheme": "viridis"},
            },
            "order": {"field": "order", "type": "quantitative"},
        },
    }


def held_by(rows: Sequence[Row], callers: Sequence[str], title: str) -> Spec:
    """Pages that callers held, stacked, the largest at the bottom.  Rows: at, pages, caller."""
    return {
        "data": {"values": [{**row, "rank": callers.index(str(row["caller"]))} for row in rows]},
        "mark": {"type": "area", "interpolate": "step-after"},
        "height": 200,
        "encoding": {
            "x": _along(title),
            "y": {"field": "pages", "type": "quantitative", "title": "pages", "stack": "zero"},
            "fill": {
                "field": "caller",
                "type": "nominal",
                "sort": list(callers),
                "title": "held by",
                "scale": {"domain": list(callers), "scheme": "tableau10"},
            },
            "order": {"field": "rank", "type": "quantitative"},
        },
    }


def fragmentation(rows: Sequence[Row], title: str) -> Spec:
    """Unusable free space index by order over time, darker is worse.

    Rows: ``start`` and ``end`` on the axis, ``order``, ``unusable`` 0..1 (fact sheet 9.1).
    """
    return {
        "data": {"values": list(rows)},
        "mark": {"type": "rect", "fill": "var(--s1)"},
        "height": 200,
        "encoding": {
            "x": {**_along(title), "field": "start"},
            "x2": {"field": "end"},
            "y": {"field": "order", "type": "ordinal", "sort": _ORDERS[::-1], "title": "order"},
            "opacity": {
                "field": "unusable",
                "type": "quantitative",
                "title": "unusable",
                "scale": {"domain": [0, 1], "range": [0.04, 1]},
                "legend": {"symbolFillColor": "var(--s1)", "symbolType": "square"},
            },
        },
    }


def _along(title: str) -> dict[str, object]:
    return {
        "field": "at",
        "type": "quantitative",
        "title": title,
        "scale": {"nice": False, "zero": False},
    }


def _log_pages() -> dict[str, object]:
    """Marks are a small share of memory: a logarithmic axis that still has a zero."""
    return {
        "field": "pages",
        "type": "quantitative",
        "title": "pages, logarithmic",
        "scale": {"type": "symlog", "constant": 32},
    }


def _frame() -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": _WIDTH,
        "background": None,
        "config": {
            "view": {"stroke": "var(--line)"},
            "axis": {
                "labelColor": _TEXT,
                "titleColor": _TEXT,
                "gridColor": "var(--line)",
                "domainColor": "var(--line)",
                "tickColor": "var(--line)",
                "titlePadding": 14,
            },
            "legend": {"labelColor": _TEXT, "titleColor": _TEXT},
            "font": "system-ui, sans-serif",
        },
    }

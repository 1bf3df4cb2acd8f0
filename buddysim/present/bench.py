"""A :class:`Bench` on the terminal and as the table of README's Speed section."""

from __future__ import annotations

from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from buddysim.bench.limits import Verdict
from buddysim.bench.race import Row
from buddysim.bench.suite import Bench

__all__ = ["format_markdown", "render_bench"]

_UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def render_bench(bench: Bench) -> RenderableType:
    """One table a group: the figure, its yardstick, and their ratio."""
    parts: list[RenderableType] = [Text(_headline(bench), style="bold")]
    for name, rows in groupby(bench.rows, key=lambda row: row.group):
        table = Table(title=name, title_justify="left", box=None)
        table.add_column("what")
        table.add_column("figure", justify="right")
        table.add_column("ratio", justify="right")
        table.add_column("yardstick")
        for row in rows:
            table.add_row(Text(row.name), _figure(row.value, row.unit), _ratio(row), _held(row))
        parts += [Text(""), table]
    if bench.limits:
        parts += [Text(""), _limits(bench)]
    return Group(*parts, Text(""), *map(Text, _remarks(bench)))


def _remarks(bench: Bench) -> list[str]:
    """Everything to know about the figures, a line each."""
    notes = dict.fromkeys(f"{row.group}: {row.note}." for row in bench.rows if row.note)
    return [*notes, *(f"Left out: {reason}." for reason in bench.left_out), _LEGEND]


_LEGEND = (
    "ratio = figure / the yardstick's figure, both measured in turns.  Rates: more is better; "
    "seconds, ns and MB: less is better.  Seconds are the processes' own (user and system); only "
    "more jobs are held against fewer by the wall clock."
)
_STYLES = {"met": "green", "missed": "bold red", "not measured": "dim"}


def _limits(bench: Bench) -> Table:
    table = Table(title="limits", title_justify="left", box=None)
    table.add_column("promise")
    table.add_column("figure", justify="right")
    table.add_column("limit", justify="right")
    table.add_column("")
    table.add_column("of")
    for each in bench.limits:
        outcome = Text(each.outcome, style=_STYLES[each.outcome])
        table.add_row(each.name, _judged_figure(each), _bound(each), outcome, _of(each))
    return table


def format_markdown(bench: Bench, date: str = "") -> str:
    """The table of README's Speed section, with the build and machine it was measured on."""
    when = f", {date}" if date else ""
    lines = [
        f"{_headline(bench)}{when}.",
        "",
        "| | what | figure | ratio | yardstick |",
        "|---|---|---|---|---|",
    ]
    for row in bench.rows:
        cells = (row.group, row.name, _figure(row.value, row.unit), _ratio(row), _held(row))
        lines.append(f"| {' | '.join(cells)} |")
    if bench.limits:
        lines += ["", "| promise | figure | limit | | of |", "|---|---|---|---|---|"]
    for each in bench.limits:
        told = (each.name, _judged_figure(each), _bound(each), each.outcome, _of(each))
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join([*lines, "", *_remarks(bench), ""])


def _judged_figure(verdict: Verdict) -> str:
    return "" if verdict.figure is None else _figure(verdict.figure, verdict.unit)


def _bound(verdict: Verdict) -> str:
    return f"at {verdict.at} {_figure(verdict.limit, verdict.unit)}"


def _of(verdict: Verdict) -> str:
    return f"needs {verdict.row}" if verdict.outcome == "not measured" else verdict.row


def _headline(bench: Bench) -> str:
    repeats = max((row.repeats for row in bench.rows), default=0)
    short = ", --quick" if bench.quick else ""
    return (
        f"buddysim {bench.version}, core {bench.build}, Python {bench.python}, {bench.cpu}, "
        f"{bench.processors} processors, load {bench.load:g}, medians of {repeats}{short}"
    )


def _figure(value: float, unit: str) -> str:
    if unit.endswith("/s") and not unit.startswith("MB"):
        for prefix, size in _UNITS:
            if value >= size:
                return f"{value / size:.3g} {prefix} {unit}"
    if unit == "x":
        return f"{value:.2f} x"
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def _ratio(row: Row) -> str:
    return f"{row.ratio:.2f}" if row.ratio else ""


def _held(row: Row) -> str:
    if not row.yardstick:
        return ""
    return f"{row.yardstick}: {_figure(row.yardstick_value, row.unit)}"

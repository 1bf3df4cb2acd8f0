"""The curve of a what-if on a terminal: the answer, a row for each value, what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from buddysim.present.verbatim import report_console

__all__ = ["what_if_text"]

Row = Mapping[str, Any]

_BAR = 16
_SHORT_BAR = 8
_MIB = 1 << 20
_NAMES = {
    "min_free_kbytes": "vm.min_free_kbytes",
    "mem_bytes": "memory",
    "least_split_order": "split from order",
}
_HEADS = {"min_free_kbytes": "KiB", "mem_bytes": "size", "least_split_order": "split from order"}


def what_if_text(report: Row, *, width: int | None = None) -> str:
    """The curve as text: colours on a terminal, plain when piped or ``width`` is given."""
    console = report_console(width)
    with console.capture() as capture:
        console.print(Group(*_parts(report)))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _parts(report: Row) -> Iterator[RenderableType]:
    yield _answer(report)
    yield _provenance(report)
    yield Text()
    yield Rule(Text("Failures by value", style="bold"), align="left", style="dim", characters="─")
    yield _curve(report)
    for note in report["notes"]:
        yield Text(f"note: {note}", style="yellow" if note.startswith("not ") else "dim")


def _answer(report: Row) -> Text:
    if report["interrupted"]:
        done = report["tried"]["runs"]
        return Text(f"Interrupted after {done} runs: the curve is not complete", "bold yellow")
    name = _NAMES[report["knob"]]
    found, last = report["found"], report["last_failing"]
    if report["knob"] == "least_split_order":
        return _order_answer(report)
    if found is None:
        tried = report["tried"]
        span = f"{_value(report, tried['low'])} to {_value(report, tried['high'])}"
        told = f": at least {report['fewest_remaining']:,} failures remain from {span}"
        return Text(f"No value of {name} suffices", "bold red").append(told, "not bold default")
    text = Text(f"{name} {_value(report, found)}: no failure remains", "bold green")
    told = (
        f"; at {_value(report, last)} some do" if last is not None else "; nothing less was tried"
    )
    again = _again(report)
    if again is not None:
        told += f", and at {_value(report, again)} some do again"
    told += f" (now {_value(report, report['now'])})"
    return text.append(told, "not bold default")


def _again(report: Row) -> int | None:
    """The first value beyond the one found at which something fails."""
    values = [row["value"] for row in report["curve"]]
    beyond = report["curve"][values.index(report["found"]) :]
    return next((row["value"] for row in beyond if row["remaining"]), None)


def _order_answer(report: Row) -> Text:
    found, callers = report["found"], f"callers {report['caller']}"
    if found is None:
        told = f": at least {report['fewest_remaining']:,} failures remain ({callers})"
        text = Text("Single pages instead of larger blocks do not suffice", "bold red")
        return text.append(told, "not bold default")
    if found == report["now"]:
        return Text("No failure as it is: nothing needs to be split", "bold green")
    text = Text(f"Single pages instead of orders {found} and above: no failure remains")
    text.stylize("bold green")
    return text.append(f" ({callers})", "not bold default")


def _value(report: Row, value: int) -> str:
    if report["knob"] == "mem_bytes":
        return f"{value / _MIB:,.0f}M"
    if report["knob"] == "least_split_order":
        return "none" if value == report["now"] else f"{value}"
    return f"{value:,}"


def _provenance(report: Row) -> Text:
    trace = report["trace"]
    if not report["machine"]:
        return Text(trace["path"], style="dim")
    return Text(
        f"{trace['path']}: {trace['events']:,} events, profile {report['profile']}, "
        f"{report['placement']} placement, seed {report['seed']}, {report['tried']['runs']} runs\n"
        f"machine: {report['machine']}",
        style="dim",
    )


def _curve(report: Row) -> Table:
    rows = report["curve"]
    recorded = any(row["failed_observed"] for row in rows)
    most = max((row["remaining"] for row in rows), default=0)
    table = Table(box=None, pad_edge=False, header_style="dim")
    bar = _SHORT_BAR if recorded else _BAR
    table.add_column(_HEADS[report["knob"]], justify="right", no_wrap=True)
    table.add_column("remain", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=bar)
    table.add_column("natural", justify="right", no_wrap=True)
    if recorded:
        table.add_column("observed", justify="right", no_wrap=True)
        table.add_column("has page", justify="right", no_wrap=True)
    table.add_column("by cause", overflow="fold")
    for row in rows:
        cells: list[str | Text] = [
            _marked(report, row["value"]),
            f"{row['remaining']:,}",
            _bar(row["remaining"], most, bar),
            f"{row['failed_natural']:,}",
        ]
        if recorded:
            cells += [f"{row['failed_observed']:,}", f"{row['observed_model_has_page']:,}"]
        causes = sorted(row["failed_by_cause"].items(), key=lambda item: (-item[1], item[0]))
        cells.append(", ".join(f"{cause} {count:,}" for cause, count in causes))
        table.add_row(*cells)
    return table


def _marked(report: Row, value: int) -> Text:
    """A value; the one found and the present one stand out."""
    text = Text(_value(report, value))
    if value == report["now"]:
        text = Text("now ", "dim").append(_value(report, value), "default")
    if value == report["found"]:
        text.stylize("bold green")
    return text


def _bar(count: int, most: int, width: int) -> Text:
    if not count:
        return Text("none", "green")
    return Text("█" * max(1, count * width // most), "red")

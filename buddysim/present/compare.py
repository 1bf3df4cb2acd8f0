"""Two runs side by side on a terminal: the answer, where they part, numbers, callers, findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from buddysim.present.verbatim import report_console
from buddysim.units import format_duration

__all__ = ["compare_text"]

Row = Mapping[str, Any]

_CALLERS = 20
_FINDINGS = 20
_STYLE = {"better": "green", "worse": "bold red"}
_LEVELS = {
    "event": "First event that the traces tell differently",
    "result": "First request with another result",
    "page": "First event with other pages",
}
_MARKS = ("min", "low", "high")


def compare_text(report: Row, *, width: int | None = None) -> str:
    """The comparison as text: colours on a terminal, plain when piped or ``width`` is given."""
    console = report_console(width)
    with console.capture() as capture:
        console.print(Group(*_parts(report)))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _parts(report: Row) -> Iterator[RenderableType]:
    yield _answer(report)
    yield _sides(report)
    for each in report["divergences"]:
        yield from _section(_LEVELS[each["level"]], _divergence(each))
    if report["interrupted"]:
        yield Text("Interrupted: not every difference was looked for.", style="yellow")
    elif not report["divergences"] and not report["same"]:
        yield Text("No event parts them; the machines differ at the end.", style="yellow")
    if not report["failures_compared"]["every"]:
        count = report["failures_compared"]["count"]
        yield Text(f"Of the failures only the first {count:,} were compared.", style="yellow")
    yield from _section("Numbers", _numbers(report["numbers"]))
    yield from _section("Free blocks at the end, by order 0..10", _blocks(report))
    if report["callers"]:
        yield from _section("Callers whose account differs", _callers(report["callers"]))
    for side in ("a", "b"):
        found = report[f"findings_only_in_{side}"]
        if found:
            yield from _section(f"Findings only in {side.upper()}", _findings(found))


def _section(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(title, style="bold"), align="left", style="dim", characters="─")
    yield body


# The answer.


def _answer(report: Row) -> Text:
    """Is B better, worse or the same, in one line."""
    if report["same"]:
        return Text(f"No difference: both runs end as {report['a']['digest']}", style="bold green")
    failed = [_failed(report[side]) for side in ("a", "b")]
    told = f": {failed[0]:,} requests failed in A, {failed[1]:,} in B"
    if failed[0] == failed[1]:
        text = Text("As many failures", style="bold yellow").append(told, "not bold default")
    elif failed[1] < failed[0]:
        text = Text("B fails less", style="bold green").append(told, "not bold default")
    else:
        text = Text("B fails more", style="bold red").append(told, "not bold default")
    for word in ("better", "worse"):
        names = report[word]
        if names:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            text.append(f"\n{word} off in B: {shown}", "not bold default")
    return text


def _failed(side: Row) -> int:
    totals = side["allocations"]
    return int(totals["failed_natural"] + totals["failed_injected"] + totals["failed_observed"])


def _sides(report: Row) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold", style="dim")
    for name in ("a", "b"):
        side = report[name]
        trace = side["trace"]
        settings = " ".join(side["settings"])
        told = (
            f"{trace['path']}{' with ' if settings else ''}{settings}: {trace['events']:,} events, "
            f"profile {side['profile']}, {side['placement']} placement, seed {side['seed']}\n"
            f"machine: {side['machine']}\ndigest {side['digest']}"
        )
        table.add_row(name.upper(), told)
    return table


# Where they part.


def _divergence(each: Row) -> RenderableType:
    told = each["a"] or each["b"]
    head = f"event {each['event']:,}"
    if each["level"] != "event":
        line = f", line {each['line']:,}" if each["line"] else ""
        head += f"{line}, {format_duration(each['time_ns'])}: {_event(told)}"
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for side in ("a", "b"):
        table.add_row(side.upper(), _seen(each["level"], each[side]))
    return Group(Text(head), table)


def _event(told: Row) -> str:
    if told["kind"] == "alloc":
        vain = " in vain" if told["failed_in_trace"] else ""
        return f"{told['caller']} asks{vain} for order {told['order']}, {told['gfp'] or 0}"
    if told["kind"] == "free":
        return f"{told['caller']} frees order {told['order']}"
    return f"{told['caller']}: {told['kind']}"


def _seen(level: str, seen: Row | None) -> Text:
    if seen is None:
        return Text("the trace has ended", style="yellow")
    if level == "event":
        line = f"line {seen['line']:,}, " if seen["line"] else ""
        return Text(f"{line}{format_duration(seen['time_ns'])}: {_event(seen)}")
    text = Text(_outcome(seen), style="red" if seen["outcome"] == "failed" else "")
    for zone in seen["zones_before"]:
        text.append("\n" + _zone(zone), "dim")
    return text


def _outcome(seen: Row) -> str:
    pages = ", ".join(f"{pfn:#x}" for pfn in seen["simulated_pfns"][:4])
    if seen["outcome"] == "failed":
        shortest = min(seen["failure_zones"], key=lambda look: look["missing"], default=None)
        short = (
            f": {shortest['missing']:,} pages short in {shortest['name']}"
            if shortest and shortest["missing"] > 0
            else ""
        )
        later = f", then got page {pages}" if pages else ""
        return f"failed ({seen['origin']}), {seen['cause']}{short}{later}"
    return f"{seen['outcome']}{', page ' + pages if pages else ''}"


def _zone(zone: Row) -> str:
    """A zone just before the event."""
    largest = max((order for order, blocks in enumerate(zone["nr_free"]) if blocks), default=-1)
    marks = ", ".join(f"{name} {zone[name + '_pages']:,}" for name in _MARKS)
    order = f"largest order {largest}" if largest >= 0 else "no free block"
    return f"before: {zone['node']} {zone['name']} free {zone['free_pages']:,} ({marks}), {order}"


# Numbers.


def _numbers(rows: Sequence[Row]) -> Table:
    """Those that are not zero on both sides."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold", min_width=20)
    for name in ("A", "B", "B - A"):
        table.add_column(name, justify="right", no_wrap=True)
    group = ""
    for row in rows:
        if not row["a"] and not row["b"]:
            continue
        if row["group"] != group:
            group = row["group"]
            table.add_row(Text(group, style="bold"))
        changed = f"{row['change']:+,}" if row["change"] else ""
        table.add_row(
            f"  {row['name'].replace('_', ' ')}",
            f"{row['a']:,}",
            f"{row['b']:,}",
            Text(changed, style="yellow"),
        )
    return table


def _blocks(report: Row) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for side in ("a", "b"):
        for zone in report[side]["zones"]:
            blocks = " ".join(str(count) for count in zone["nr_free"])
            table.add_row(f"{zone['node']} {zone['name']}", side.upper(), blocks)
    return table


# Callers and findings.


def _callers(rows: Sequence[Row]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("caller", overflow="fold", min_width=12)
    table.add_column("in B", no_wrap=True)
    for name in ("failed A", "failed B"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows[:_CALLERS]:
        a, b = row["a"], row["b"]
        verdict = (
            a["verdict"] if a["verdict"] == b["verdict"] else f"{a['verdict']} → {b['verdict']}"
        )
        table.add_row(
            row["caller"],
            Text(row["change"], style=_STYLE.get(row["change"], "")),
            f"{a['failed']:,}",
            f"{b['failed']:,}",
            verdict,
        )
    if len(rows) <= _CALLERS:
        return table
    rest = len(rows) - _CALLERS
    return Group(table, Text(f"... and {rest:,} more callers (--format json)", style="dim"))


def _findings(found: Sequence[Row]) -> Text:
    lines = [
        f"{each['code']} {each['name']} ({each['severity']}) {each['caller']}: {each['message']}"
        for each in found[:_FINDINGS]
    ]
    if len(found) > _FINDINGS:
        lines.append(f"... and {len(found) - _FINDINGS:,} more (--format json)")
    return Text("\n".join(lines))

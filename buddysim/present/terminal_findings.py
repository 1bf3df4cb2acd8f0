"""Callers with their verdicts, and findings with evidence and the command that repeats them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from buddysim.units import format_duration

__all__ = ["render_callers", "render_findings"]

Row = Mapping[str, Any]

_CALLERS = 20
_FINDINGS = 25
_EVIDENCE = 3
_VERDICT_STYLE = {"handles": "green", "mishandles": "bold red", "untested": "dim"}
_SEVERITY_STYLE = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def render_callers(callers: Sequence[Row]) -> RenderableType:
    """One row a caller, those with failures first."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    table.add_column("caller", overflow="fold", min_width=12)
    table.add_column("verdict", no_wrap=True)
    for name in ("asked", "failed", "warned", "below min", "held"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("findings", overflow="fold")
    for row in callers[:_CALLERS]:
        table.add_row(
            row["caller"],
            Text(row["verdict"], style=_VERDICT_STYLE[row["verdict"]]),
            f"{row['attempted']:,}",
            _failures(row),
            f"{row['warned']:,}",
            f"{row['reserve_pages']:,}",
            f"{row['live_pages']:,}",
            " ".join(row["findings"]),
        )
    if len(callers) <= _CALLERS:
        return table
    rest = len(callers) - _CALLERS
    return Group(table, Text(f"... and {rest:,} more callers (--format json)", style="dim"))


def _failures(row: Row) -> str:
    if not row["injected"]:
        return f"{row['failed']:,}"
    return f"{row['failed']:,} ({row['injected']:,} inj.)"


def render_findings(findings: Sequence[Row]) -> RenderableType:
    """Each finding: what, who, why, where, and how to see it again."""
    parts = [part for finding in findings[:_FINDINGS] for part in _finding(finding)]
    rest = len(findings) - _FINDINGS
    if rest > 0:
        parts.append(Text(f"... and {rest:,} more findings (--format json)", style="dim"))
    return Group(*parts)


def _finding(finding: Row) -> Iterator[Text]:
    head = Text()
    head.append(f"{finding['severity']} ", _SEVERITY_STYLE[finding["severity"]])
    head.append(f"{finding['code']} {finding['name']}", "bold")
    head.append(f"  {finding['caller']}", "magenta")
    head.append(f"  [{finding['origin']}]", "dim")
    yield head
    yield Text(f"  {finding['message']}")
    if finding["plausibility"]:
        yield Text(f"  plausible? {finding['plausibility']}", style="dim")
    for entry in finding["evidence"][:_EVIDENCE]:
        yield Text(f"  {_where(entry)}: {entry['what']}", style="dim")
    more = len(finding["evidence"]) - _EVIDENCE
    if more > 0:
        yield Text(f"  ... {more} more", style="dim")
    if finding["repro"]:
        yield Text(f"  $ {finding['repro']}", style="cyan", no_wrap=True, overflow="ignore")


def _where(entry: Row) -> str:
    place = f"line {entry['line']}" if entry["line"] else f"event {entry['event']}"
    return f"{place} at {format_duration(entry['time_ns'])}"

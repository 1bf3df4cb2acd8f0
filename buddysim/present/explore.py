"""The verdict table on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from buddysim.present.terminal_findings import render_findings
from buddysim.present.verbatim import report_console

__all__ = ["explore_text"]

Row = Mapping[str, Any]
_STYLE = {"handles": "green", "mishandles": "bold red", "untested": "dim"}


def explore_text(report: Row, *, width: int | None = None) -> str:
    """Verdicts, coverage, findings.  Plain when piped or ``width`` is given."""
    console = report_console(width, least=100)
    with console.capture() as capture:
        console.print(Group(_head(report), Text(), _callers(report["callers"])))
        if report["findings"]:
            console.print(Text())
            console.print(render_findings(report["findings"]))
        for row in report["callers"]:
            for code, why in row["allow"].items():
                console.print(Text(f"allowed: {code} for {row['caller']}: {why}", style="dim"))
    return capture.get()


def _head(report: Row) -> Text:
    covered = report["coverage"]
    bad = [row["caller"] for row in report["callers"] if row["verdict"] == "mishandles"]
    text = Text()
    if bad:
        text.append(
            f"{len(bad)} of {len(report['callers'])} callers mishandle failures", "bold red"
        )
    else:
        text.append("No caller mishandles failures", "bold green")
    if report["interrupted"]:
        text.append(" (interrupted: partial)", "yellow")
    share = 100 * covered["failed_points"] // max(covered["points"], 1)
    text.append(
        f"\n{covered['failed_points']:,} of {covered['points']:,} allocations failed in turn "
        f"({share} %), {' and '.join(report['schedules'])}: {covered['runs']:,} runs, "
        f"horizon {report['horizon_events']:,} operations",
        "dim",
    )
    if covered["without_verdict"]:
        text.append(f"\n{covered['without_verdict']:,} runs without a verdict", "yellow")
    return text


def _callers(callers: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("caller", overflow="fold", min_width=12)
    table.add_column("verdict", no_wrap=True)
    for name in ("allocations", "failed", "natural", "injected"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("findings", overflow="fold")
    for row in callers:
        table.add_row(
            row["caller"],
            Text(row["verdict"], style=_STYLE[row["verdict"]]),
            f"{row['points']:,}",
            f"{row['failed_points']:,}",
            f"{row['natural']:,}",
            f"{row['injected']:,}",
            " ".join(row["findings"]),
        )
    return table

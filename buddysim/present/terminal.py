"""The replay report on a terminal: summary, zones, failures, callers, findings, legend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from buddysim.present.terminal_findings import render_callers, render_findings
from buddysim.present.terminal_holders import render_holders
from buddysim.present.terminal_zones import render_history, render_zones
from buddysim.present.verbatim import VerbatimConsole, report_console

__all__ = ["render_report", "report_svg", "report_text"]

Report = Mapping[str, Any]

_SVG_WIDTH = 100
_WARNING_LINES = 8
_HEADLINE = re.compile(r"failure[.:]|only a warning|suppressed|forcing a failure")


def report_text(report: Report, *, width: int | None = None) -> str:
    """The report as text: colours on a terminal, plain when piped or ``width`` is given."""
    console = report_console(width)
    with console.capture() as capture:
        console.print(render_report(report))
    return capture.get()


def report_svg(report: Report) -> str:
    """The report as a picture, the same bytes for the same report."""
    console = VerbatimConsole(
        record=True, width=_SVG_WIDTH, file=StringIO(), force_terminal=True, highlight=True
    )
    console.print(render_report(report))
    return console.export_svg(title="buddysim", unique_id="buddysim")


def render_report(report: Report) -> RenderableType:
    """Everything, in reading order."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield _summary(report)
    yield _provenance(report)
    yield from _section("Zones at the end", render_zones(report["zones"]))
    if len(report["samples"]) > 1:
        yield from _section("Free memory over time", render_history(report))
    if _failed(report):
        yield from _section("Failures by cause", _causes(report))
        holders = render_holders(report["failures"])
        if holders is not None:
            yield from _section("Who held the pages", holders)
        yield from _section("Warnings", _warnings(report))
    yield from _section("Callers", render_callers(report["callers"]))
    if report["findings"]:
        yield from _section("Findings", render_findings(report["findings"]))
    yield from _section("Legend", _legend())


def _section(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text()
    yield Rule(Text(title, style="bold"), align="left", style="dim", characters="─")
    yield body


def _failed(report: Report) -> int:
    totals = report["allocations"]
    return int(totals["failed_natural"] + totals["failed_injected"] + totals["failed_observed"])


def _summary(report: Report) -> Text:
    """One line that answers: did it fail, and does anybody mishandle it?"""
    bad = [row["caller"] for row in report["callers"] if row["verdict"] == "mishandles"]
    failed = _failed(report)
    attempted = report["allocations"]["attempted"]
    text = Text()
    if bad:
        text.append(f"{len(bad)} caller{'s' * (len(bad) != 1)} mishandle failures", "bold red")
        text.append(f": {', '.join(bad[:3])}{', ...' if len(bad) > 3 else ''}; ")
    elif report["findings"]:
        text.append("No caller mishandles a failure", "bold yellow")
        text.append(f", {len(report['findings'])} things worth knowing; ")
    elif failed:
        text.append("Every failure was handled or is the recording's own", "bold green")
        text.append("; ")
    else:
        text.append("No failure", "bold green")
        text.append("; ")
    text.append(f"{failed:,} of {attempted:,} allocations failed")
    return text


def _provenance(report: Report) -> Text:
    trace = report["trace"]
    speed = report["events_per_second"]
    rate = f" at {speed:,}/s" if speed else ""
    lines = [
        f"{trace['path']}: {trace['events']:,} events ({trace['format']}){rate}, "
        f"profile {report['profile']}, {report['placement']} placement, seed {report['seed']}, "
        f"core {report['build']}",
        f"machine: {report['machine']}",
    ]
    odd = {name: count for name, count in trace["reconciled"].items() if count}
    if trace["skipped_lines"]:
        odd["skipped lines"] = trace["skipped_lines"]
    if trace["lost_events"]:
        odd["lost events"] = trace["lost_events"]
    if odd:
        told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in odd.items())
        lines.append(f"reconciled: {told}")
    return Text("\n".join(lines), style="dim")


def _causes(report: Report) -> Text:
    totals = report["allocations"]
    text = Text()
    most = max(totals["failed_by_cause"].values(), default=1)
    for cause, count in sorted(totals["failed_by_cause"].items(), key=lambda item: -item[1]):
        text.append(f"{cause:<18}{count:>9,}  ")
        text.append("█" * max(1, count * 30 // most) + "\n", "red")
    text.append(
        f"natural {totals['failed_natural']:,}, injected {totals['failed_injected']:,}, "
        f"observed in the recording {totals['failed_observed']:,}",
        "dim",
    )
    return text


def _warnings(report: Report) -> Text:
    warnings = report["warnings"]
    text = Text(
        f"policy {warnings['policy']}: {warnings['emitted']:,} printed, "
        f"{warnings['suppressed_by_ratelimit']:,} hidden by the rate limit, "
        f"{warnings['suppressed_by_nowarn']:,} silent by __GFP_NOWARN"
    )
    heads = [line for line in warnings["lines"] if _HEADLINE.search(line)]
    for line in heads[:_WARNING_LINES]:
        text.append(f"\n  {line}", "dim")
    more = len(warnings["lines"]) + warnings["lines_dropped"] - len(heads[:_WARNING_LINES])
    if more > 0:
        text.append(f"\n  ... {more:,} more lines of log (--format json has them)", "dim")
    return text


def _legend() -> Text:
    return Text(
        "orders     column k counts free blocks of 2^k pages; share: their part of free memory\n"
        "unusable   part of free memory in blocks below order 3, and below order 9\n"
        "natural    the simulated machine refused; injected: --fault did; observed: the\n"
        "           recording's own failure\n"
        "handles    or mishandles: what the caller did after a failure; untested: no failure\n"
        "           reached it, or the recording does not show what it did\n"
        "held by    whose the pages were, of the zones it could use; (before the trace):\n"
        "           in use since before the first event, nobody knows by whom\n"
        "in the way whose pages stand where a block of that order is nearest to free\n"
        "below min  pages taken while the zone was under its min watermark\n"
        "buddysim rules CODE explains a finding",
        style="dim",
    )

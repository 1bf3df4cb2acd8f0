"""Explanations as text for the terminal and as markdown for bug reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from buddysim.explain.explanation import Explanation
from buddysim.report.explain import ExplainedLog

__all__ = ["explain_markdown", "explain_summary", "explain_text"]

_PERCENT = 100


def explain_text(logs: Iterable[ExplainedLog]) -> str:
    """One verdict line for each report, then its evidence; groups of the same caller last."""
    out: list[str] = []
    for log in logs:
        out += [f"{log.path}: {len(log.explanations)} report(s) in {log.lines} lines", ""]
        for item in log.explanations:
            out += [*_lines(item), ""]
        out += _groups(log)
        out += [
            f"line {item.line}: {item.function} dropped {item.count} messages"
            for item in log.suppressed
        ]
    return "\n".join(out).rstrip() + "\n"


def explain_markdown(logs: Iterable[ExplainedLog]) -> str:
    """The same for pasting into a bug report."""
    out: list[str] = []
    for log in logs:
        out += [f"## {log.path}", ""]
        for item in log.explanations:
            verdict, *rest = _lines(item)
            out += [f"### {verdict}", "", "```", *(line.strip() for line in rest), "```", ""]
    return "\n".join(out).rstrip() + "\n"


def explain_summary(logs: Iterable[ExplainedLog]) -> str:
    """A row per log: reports by verdict, and the commonest cause."""
    rows: list[tuple[str, ...]] = [
        ("LOG", "REPORTS", "HARMFUL", "DEGRADED", "HARMLESS", "CANNOT TELL", "MOSTLY")
    ]
    for log in logs:
        verdicts = Counter(item.verdict.name for item in log.explanations)
        causes = Counter(item.cause.name for item in log.explanations)
        names = ("harmful", "degraded", "harmless", "cannot-tell")
        counts = [str(verdicts[name]) for name in names]
        most = min(causes, key=lambda name: (-causes[name], name)) if causes else "-"
        row = (log.path, str(len(log.explanations)), *counts, most)
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def _lines(item: Explanation) -> Iterator[str]:
    report, verdict, cause = item.report, item.verdict, item.cause
    yield f"{verdict.name.upper()} ({_percent(verdict.confidence)}): {_what(item)}"
    yield f"  cause    {cause.name} ({_percent(cause.confidence)}): {cause.reason}"
    yield f"  effect   {verdict.reason}"
    yield f"  fault    {verdict.fault}"
    yield f"  asked    {_asked(item)}"
    if item.caller:
        where = " in an interrupt" if report.in_interrupt else ""
        yield f"  caller   {item.caller}{where} (line {report.first_frame_line})"
    yield from _zones(item)
    yield from _replay(item)
    for advice in item.advice:
        yield f"  {'tried' if advice.replayed else 'advice':8s} {advice.action}"
    lines = ", ".join(map(str, sorted({*cause.lines, *verdict.lines})))
    yield f"  evidence lines {lines}"
    if report.entangled:
        yield "  note     another report's lines run through this one"
    if report.is_truncated:
        yield "  note     the report is cut: it lacks parts that the kernel prints"


def _what(item: Explanation) -> str:
    report = item.report
    size = "" if report.order is None else f" order {report.order}"
    who = f" by {report.comm}" if report.comm else ""
    when = f" at {report.time}" if report.time else ""
    return f"{report.kind}{size}{who}, line {report.line}{when}"


def _asked(item: Explanation) -> str:
    report, asked = item.report, item.asked
    names = "|".join(report.gfp or ()) or (asked.readings[0][1] if asked.readings else "no mask")
    era = f"kernel {report.kernel}" if report.kernel else "kernel unknown"
    text = f"{report.mode or ''} {names}; {era}, read as {asked.profile.name}".strip()
    others = [f"{era} {names}" for era, names in asked.readings[1:]]
    return f"{text}; or else {'; '.join(others)}" if others else text


def _zones(item: Explanation) -> Iterator[str]:
    for look in item.looks:
        zone = look.zone
        name = zone.name if zone.node is None else f"{zone.node}:{zone.name}"
        state = "not allowed" if not look.eligible else f"{look.missing} missing"
        if look.passes:
            state = "mark met"
        blocks = "blocks unknown" if look.blocks is None else f"{look.own_blocks} fitting blocks"
        yield (
            f"  zone     {name:10s} free {look.free - look.reserved} (+{look.reserved} reserved) "
            f"mark {look.mark}+{look.reserve} pages: {state}, {blocks} (line {zone.line})"
        )


def _replay(item: Explanation) -> Iterator[str]:
    if item.replayed is None:
        return
    if item.replayed.failure is None:
        yield "  replay   granted: the printed state is later than the failure, or it was a race"
        return
    failure = item.replayed.failure
    yield f"  replay   refused: {failure.cause}"
    for zone in failure.zones:
        yield (
            f"             {zone.name:10s} free {zone.free} mark {zone.mark}+{zone.reserve}: "
            f"{zone.verdict}, {zone.missing} pages missing"
        )


def _groups(log: ExplainedLog) -> list[str]:
    """Callers with several reports: how many, from when to when."""
    groups: dict[str, list[Explanation]] = {}
    for item in log.explanations:
        groups.setdefault(item.caller or item.report.comm or "unknown caller", []).append(item)
    return [
        f"{name}: {len(items)} reports, {items[0].report.time or '?'} to "
        f"{items[-1].report.time or '?'}"
        for name, items in groups.items()
        if len(items) > 1
    ]


def _percent(confidence: float) -> str:
    return f"{round(confidence * _PERCENT)} %"

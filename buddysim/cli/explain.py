"""``buddysim explain``: what real allocation failure reports mean."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buddysim.cli._options import OutputOption, QuietOption
from buddysim.cli._output import check_format, emit
from buddysim.errors import TraceError

if TYPE_CHECKING:
    from buddysim.report.explain import ExplainedLog

__all__ = ["explain"]

_FORMATS = ("rich", "json", "markdown")


def explain(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[LOG...]", help="Kernel logs in any wrapping; - or none: stdin."),
    ] = None,
    *,
    profile: Annotated[
        str | None,
        typer.Option(metavar="ERA", help="Read masks as this kernel, whatever the log says."),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="One row per log.")] = False,
    guide: Annotated[
        bool, typer.Option("--guide", help="How to read such a report by hand.")
    ] = False,
    output_format: Annotated[
        str | None,
        typer.Option("--format", metavar="rich|json|markdown", help="json: schema explain/1."),
    ] = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> int:
    """Explain "page allocation failure" reports: cause, harm, whose fault, what would have helped.

    Exit status 1 when a report is harmful.  --quiet leaves only the verdict lines.

    Examples:

        dmesg | buddysim explain

        buddysim explain /var/log/kern.log --format markdown

        buddysim explain --summary logs/*.log
    """
    shape = check_format(output_format, _FORMATS)
    if guide:
        from buddysim.explain.guide import GUIDE

        emit(GUIDE, output)
        return 0
    explained = [_explain(path, profile) for path in logs or [Path("-")]]
    emit(_render(explained, shape, summary=summary, quiet=quiet), output)
    harmful = any(item.verdict.name == "harmful" for log in explained for item in log.explanations)
    return int(harmful)


def _explain(path: Path, profile: str | None) -> ExplainedLog:
    from buddysim.explain.explanation import explain_reports
    from buddysim.report.explain import ExplainedLog
    from buddysim.source.kernel_log import parse_log, parse_log_file

    is_stdin = str(path) == "-"
    found = parse_log(sys.stdin.buffer) if is_stdin else parse_log_file(path)
    if not found.lines:
        raise TraceError("an empty log", path=str(path), expected="kernel log text")
    name = "stdin" if is_stdin else str(path)
    explanations = tuple(explain_reports(found.reports, profile))
    return ExplainedLog(name, explanations, tuple(found.suppressed), found.lines)


def _render(logs: list[ExplainedLog], shape: str, *, summary: bool, quiet: bool) -> str:
    from buddysim.present.explain import explain_markdown, explain_summary, explain_text
    from buddysim.report.explain import explain_document

    if shape == "json":
        return json.dumps(explain_document(logs), indent=2) + "\n"
    if summary:
        return explain_summary(logs)
    if shape == "markdown":
        return explain_markdown(logs)
    text = explain_text(logs)
    if quiet:
        return "".join(
            line + "\n" for line in text.splitlines() if line and not line.startswith(" ")
        )
    return text

"""``buddysim rules``: the catalogue of findings."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from buddysim.cli._options import FormatOption, OutputOption, QuietOption
from buddysim.cli._output import check_format, emit

__all__ = ["rules"]


def rules(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE|NAME]", help="e.g. BS106; default: all.")
    ] = None,
    *,
    output_format: FormatOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
) -> None:
    """The catalogue of findings, or one of them in full: what, why, known problems, what to do.

    Examples:

        buddysim rules

        buddysim rules BS106

        buddysim rules hidden-failure --format json
    """
    from buddysim.findings.registry import RULES, rule_of

    chosen = RULES if code is None else (rule_of(code),)
    if check_format(output_format) == "json":
        rows = [{k: v for k, v in asdict(rule).items() if k != "detect"} for rule in chosen]
        text = json.dumps({"schema": "buddysim/rules/1", "rules": rows}, indent=2) + "\n"
    else:
        from buddysim.present.rules import rules_text

        text = rules_text(chosen, in_full=code is not None, to_file=output is not None)
    emit(text, output)

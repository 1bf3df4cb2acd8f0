"""``buddysim gfp``: read or build a GFP mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from buddysim.cli._output import check_format, emit

if TYPE_CHECKING:
    from buddysim.report.gfp import GfpAnswer

__all__ = ["gfp", "gfp_cli"]

_FILE_WIDTH = 100


def gfp_cli(
    mask: Annotated[
        list[str],
        typer.Argument(metavar="MASK|NAMES", help="A number with 0x, or names joined by |."),
    ],
    *,
    profile: Annotated[
        str | None,
        typer.Option(metavar="ERA", help="One kernel, e.g. 2.6.25 or 5.15; default: all."),
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="rich|json", help="json: schema gfp/1.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here, not stdout.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Without the legend.")] = False,
) -> None:
    """Decode or encode a GFP mask: names, rights, reserves, zone, contradictions.

    A number means different things to different kernels; without --profile every era's reading
    is listed and the likely ones are marked.

    Examples:

        buddysim gfp 0x4020 --profile 2.6.25

        buddysim gfp 'GFP_ATOMIC|__GFP_NOWARN'

        buddysim gfp 0xcc0 --format json
    """
    answer = gfp("|".join(mask), profile)
    if check_format(output_format) == "json":
        text = _json(answer)
    else:
        text = _rich(answer, to_file=output is not None, with_legend=not quiet)
    emit(text, output)


def gfp(text: str, profile: str | None = None) -> GfpAnswer:
    """The answer as data.  Raises ConfigError for unknown names (nearest told) or profile."""
    from buddysim.report.gfp import answer_gfp

    return answer_gfp(text, profile)


def _json(answer: GfpAnswer) -> str:
    from buddysim.report.gfp import gfp_document

    return json.dumps(gfp_document(answer), indent=2) + "\n"


def _rich(answer: GfpAnswer, *, to_file: bool, with_legend: bool) -> str:
    from rich.console import Console

    from buddysim.present.gfp import render_gfp

    console = Console(no_color=True, width=_FILE_WIDTH) if to_file else Console(highlight=False)
    with console.capture() as capture:
        console.print(render_gfp(answer, with_legend=with_legend))
    return capture.get()

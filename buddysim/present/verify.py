"""``buddysim verify`` on the terminal: one row a set, then every case that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["render_verify", "verify_text"]

Report = Mapping[str, Any]
_SHOWN = 20


def verify_text(report: Report, *, to_file: bool) -> str:
    """The rendered report."""
    console = Console(width=100, no_color=True) if to_file else Console(highlight=False)
    with console.capture() as capture:
        console.print(render_verify(report))
    return capture.get()


def render_verify(report: Report) -> RenderableType:
    """Summary line, table of sets, differences, notes."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    total = report["total"]
    wrong = total["cases"] - total["exact"]
    if wrong:
        yield Text(f"{wrong} of {total['cases']} cases differ", style="bold red")
    else:
        yield Text(f"all {total['cases']} cases exact", style="bold green")
    yield Text(
        f"{total['pfn_exact']:,} of {total['pfn_checked']:,} pfns, {total['ops']:,} operations, "
        f"core {report['build']}",
        style="dim",
    )
    yield _sets(report["sets"])
    different = [case for case in report["cases"] if not case["exact"]]
    for case in different[:_SHOWN]:
        yield _difference(case)
    if len(different) > _SHOWN:
        yield Text(f"... and {len(different) - _SHOWN} more (--format json)", style="dim")
    foreseen = [case for case in report["cases"] if case["prediction"]]
    if foreseen:
        yield _predictions(foreseen)
    for case in foreseen:
        yield Text(f"{case['set']}/{case['case']}", style="bold")
        yield from (Text(f"  {note}", style="dim") for note in case["notes"])


def _sets(sets: Mapping[str, Mapping[str, int]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("set", no_wrap=True)
    for name in ("cases", "exact", "operations", "pfns checked", "pfns exact"):
        table.add_column(name, justify="right")
    for name, row in sets.items():
        table.add_row(
            name,
            f"{row['cases']:,}",
            Text(f"{row['exact']:,}", style="green" if row["exact"] == row["cases"] else "red"),
            f"{row['ops']:,}",
            f"{row['pfn_checked']:,}",
            f"{row['pfn_exact']:,}",
        )
    return table


def _predictions(cases: Sequence[Mapping[str, Any]]) -> Table:
    """Model placement against the kernel, one row a recording."""
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
    table.add_column("model placement", no_wrap=True)
    for name in ("failures seen", "foreseen", "false", "same page", "free at end", "extfrag"):
        table.add_column(name, justify="right")
    for case in cases:
        found = case["prediction"]
        failures = found["failures"]
        table.add_row(
            f"{case['set']}/{case['case']}",
            f"{failures['observed']:,}",
            f"{failures['both']:,}",
            f"{failures['predicted'] - failures['both']:,}",
            _share(found["pfn_equal"], found["pfn_compared"]),
            f"{_change(found['free_pages_model'], found['free_pages_kernel'])}",
            f"{sum(found['extfrag_model']):,} of {sum(found['extfrag_kernel']):,}",
        )
    return table


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _change(got: int, wanted: int) -> str:
    return f"{100 * (got - wanted) / wanted:+.1f} %" if wanted else "-"


def _difference(case: Mapping[str, Any]) -> Text:
    text = Text(f"{case['set']}/{case['case']}", style="bold")
    first = case["first_divergence"]
    if first is None:
        return text
    text.append(f"\n  line {first['line']}: {first['op']}\n", "")
    text.append(f"  expected {_short(first['expected'])}\n  got      {_short(first['got'])}", "dim")
    return text


def _short(value: object) -> str:
    words = str(value)
    return words if len(words) <= 160 else f"{words[:157]}..."

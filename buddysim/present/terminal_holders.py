"""Who held the pages when requests failed, and who stood where their block could have been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from buddysim.units import format_duration

__all__ = ["render_holders"]

Row = Mapping[str, Any]

_KINDS = 4
_SHOWN = 4


def render_holders(failures: Sequence[Row]) -> Text | None:
    """The first failure of each kind (caller, order, cause); None when none was looked at."""
    firsts: dict[tuple[str, int, str], Row] = {}
    for row in failures:
        if row["holders"]:
            firsts.setdefault((row["caller"], row["order"], row["cause"]), row)
    if not firsts:
        return None
    lines = [line for row in list(firsts.values())[:_KINDS] for line in _lines(row)]
    rest = len(firsts) - _KINDS
    if rest > 0:
        lines.append(Text(f"... and {rest:,} more kinds of failure (--format json)", "dim"))
    return Text("\n").join(lines)


def _lines(row: Row) -> Iterator[Text]:
    head = Text()
    head.append(row["caller"], "magenta")
    head.append(f"  order {row['order']}, {row['cause']}")
    head.append(f", event {row['event']:,} at {format_duration(row['time_ns'])}", "dim")
    yield head
    yield Text(f"  held by     {_shares(row['holders'])}")
    if row["in_the_way"]:
        yield Text(f"  in the way  {_shares(row['in_the_way'])}")


def _shares(holdings: Sequence[Row]) -> str:
    return ", ".join(f"{row['caller']} {_much(row)}" for row in holdings[:_SHOWN])


def _much(row: Row) -> str:
    if not row["blocks"]:
        return f"{row['pages']:,}"
    return f"{row['pages']:,} in {row['blocks']:,} place{'s' * (row['blocks'] != 1)}"

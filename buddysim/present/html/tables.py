"""The parts of the HTML report that are words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["callers", "findings", "holders", "indices", "summary"]

Record = Mapping[str, Any]

_CALLER_COLUMNS = (
    ("caller", "caller", False),
    ("verdict", "verdict", False),
    ("attempted", "requests", True),
    ("failed", "failed", True),
    ("injected", "injected", True),
    ("warned", "warned", True),
    ("findings", "findings", False),
)
_CALLERS_MAX = 500
_FINDINGS_MAX = 300
_EVIDENCE_MAX = 5
_HOLDERS_MAX = 40


def summary(document: Record) -> str:
    """The numbers that answer "did anything fail, and was it handled"."""
    allocations, warnings = document["allocations"], document["warnings"]
    verdicts = [caller["verdict"] for caller in document["callers"]]
    tiles = {
        "events": document["trace"]["events"],
        "requests": allocations["attempted"],
        "failed, natural": allocations["failed_natural"],
        "failed, injected": allocations["failed_injected"],
        "failed in the recording": allocations["failed_observed"],
        "callers that mishandle": verdicts.count("mishandles"),
        "callers that handle": verdicts.count("handles"),
        "callers untested": verdicts.count("untested"),
        "warnings printed": warnings["emitted"],
        "kept back by rate limit": warnings["suppressed_by_ratelimit"],
    }
    drawn = "".join(
        f'<div class="tile"><dt>{name}</dt><dd>{count:,}</dd></div>'
        for name, count in tiles.items()
    )
    causes = "".join(
        f'<tr><td>{escape(cause)}</td><td class="number">{count:,}</td></tr>'
        for cause, count in allocations["failed_by_cause"].items()
        if count
    )
    table = _table((("cause of failure", False), ("requests", True)), causes, "Failures by cause")
    return f'<dl class="tiles">{drawn}</dl>{table if causes else ""}'


def findings(rows: Sequence[Record]) -> str:
    """Every finding with what it rests on, worst first as the report has them."""
    if not rows:
        return "<p>No findings.</p>"
    more = len(rows) - _FINDINGS_MAX
    drawn = "".join(_finding(row) for row in rows[:_FINDINGS_MAX])
    return drawn + (f"<p>{more:,} more findings are in the JSON report.</p>" if more > 0 else "")


def _finding(row: Record) -> str:
    severity = escape(row["severity"])
    head = f"{row['code']} {row['name']}: {row['caller']}"
    evidence = row["evidence"]
    lines = "".join(f"<li>{escape(_place(one))}</li>" for one in evidence[:_EVIDENCE_MAX])
    more = len(evidence) - _EVIDENCE_MAX
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    repro = f"<pre><code>{escape(row['repro'])}</code></pre>" if row.get("repro") else ""
    return (
        f'<article class="finding {severity}"><h3><span class="word {severity}">{severity}</span> '
        f"{escape(head)}</h3><p>{escape(row['message'])} ({escape(row['origin'])})</p>"
        f"<ul>{lines}{rest}</ul>{repro}</article>\n"
    )


def _place(evidence: Record) -> str:
    where = f"line {evidence['line']}" if evidence.get("line") else f"event {evidence['event']}"
    return f"{where}: {evidence['what']}"


def callers(rows: Sequence[Record]) -> str:
    """The callers' table; its headers become sort buttons."""
    body = "".join(_caller(row) for row in rows[:_CALLERS_MAX])
    columns = tuple((title, is_number) for _, title, is_number in _CALLER_COLUMNS)
    more = len(rows) - _CALLERS_MAX
    note = f"<p>{more:,} more callers are in the JSON report.</p>" if more > 0 else ""
    return _table(columns, body, "Callers", "sortable") + note


def _caller(row: Record) -> str:
    cells = ""
    for key, _, is_number in _CALLER_COLUMNS:
        value = row[key]
        if is_number:
            cells += f'<td class="number" data-value="{value}">{value:,}</td>'
        elif key == "verdict":
            cells += f'<td><span class="word {escape(value)}">{escape(value)}</span></td>'
        else:
            text = value if isinstance(value, str) else ", ".join(value)
            cells += f"<td>{escape(text)}</td>"
    return f"<tr>{cells}</tr>\n"


def indices(zones: Sequence[Record]) -> str:
    """Both fragmentation indices of every zone at the end of the run (fact sheet 9)."""
    body = ""
    for zone in zones:
        for name, key in (("unusable", "unusable_index"), ("extfrag", "extfrag_index")):
            cells = "".join(f'<td class="number">{value:.3f}</td>' for value in zone[key])
            body += f"<tr><td>{escape(zone['name'])}</td><td>{name}</td>{cells}</tr>"
    columns = (("zone", False), ("index", False), *((str(order), True) for order in range(11)))
    return _table(columns, body, "Indices by order at the end of the run")


def holders(failures: Sequence[Record]) -> str:
    """Who held the pages at the first failure of each kind, and who stood in the way."""
    firsts: dict[tuple[str, int, str], Record] = {}
    for row in failures:
        if row["holders"]:
            firsts.setdefault((row["caller"], row["order"], row["cause"]), row)
    if not firsts:
        return ""
    body = "".join(_held(row) for row in list(firsts.values())[:_HOLDERS_MAX])
    columns = (
        ("failed", False),
        ("order", True),
        ("cause", False),
        ("event", True),
        ("pages held by", False),
        ("in the way", False),
    )
    return _table(columns, body, "Who held the pages at the first failure of each kind")


def _held(row: Record) -> str:
    words = (row["caller"], row["cause"], _shares(row["holders"]), _shares(row["in_the_way"]))
    who, why, held, near = (escape(word) for word in words)
    return (
        f'<tr><td>{who}</td><td class="number">{row["order"]}</td><td>{why}</td>'
        f'<td class="number">{row["event"]:,}</td><td>{held}</td><td>{near}</td></tr>\n'
    )


def _shares(holdings: Sequence[Record]) -> str:
    told = []
    for row in holdings:
        places = f" in {row['blocks']:,} places" if row["blocks"] else ""
        told.append(f"{row['caller']} {row['pages']:,}{places}")
    return ", ".join(told)


def _table(columns: Sequence[tuple[str, bool]], body: str, caption: str, style: str = "") -> str:
    heads = "".join(
        f'<th scope="col"{" class=number" if is_number else ""}>{escape(title)}</th>'
        for title, is_number in columns
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="{style}"><caption class="quiet">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )

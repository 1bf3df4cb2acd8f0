"""The catalogue of findings on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from buddysim.findings.rule import Rule

__all__ = ["render_rule", "render_rules", "rules_text"]

_PARTS = (
    ("What it does", "what"),
    ("Why it matters", "why"),
    ("Known problems", "known_problems"),
    ("Example", "example"),
    ("Use instead", "use_instead"),
)


def rules_text(rules: Sequence[Rule], *, in_full: bool, to_file: bool) -> str:
    """One rule in full, or the list."""
    console = Console(width=100, no_color=True) if to_file else Console(highlight=False)
    with console.capture() as capture:
        console.print(render_rule(rules[0]) if in_full else render_rules(rules))
    return capture.get()


def render_rules(rules: Sequence[Rule]) -> RenderableType:
    """Code, severity, name, and the first sentence."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("code", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("what it reports", overflow="fold")
    for rule in rules:
        table.add_row(rule.code, str(rule.severity), rule.name, rule.what)
    return table


def render_rule(rule: Rule) -> RenderableType:
    """Everything known about one rule, in the fixed order."""
    parts: list[RenderableType] = [Text(f"{rule.code} {rule.name} ({rule.severity})", "bold")]
    for title, attribute in _PARTS:
        parts.extend((Text(), Text(title, "bold"), Text(str(getattr(rule, attribute)))))
    if rule.references:
        parts.extend((Text(), Text("References", "bold"), Text("\n".join(rule.references))))
    return Group(*parts)

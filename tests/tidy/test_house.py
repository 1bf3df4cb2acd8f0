"""More rules of the repository: no import cycles, no leftovers, nothing undocumented is shipped."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

from buddysim.cli.main import VERBS
from buddysim.findings.registry import RULES

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "buddysim"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LEFTOVER = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError")


def dotted(path: Path) -> str:
    """Module name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in SOURCES}


def imported_at_load(path: Path) -> set[str]:
    """Modules of ours that this one needs while it is being imported."""
    needed = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inside = names & MODULES.keys()
            needed |= inside
            if len(inside) < len(names):
                needed.add(node.module)
        elif isinstance(node, ast.Import):
            needed |= {alias.name for alias in node.names}
    return (needed & MODULES.keys()) - {dotted(path)}


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: imported_at_load(path) for name, path in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def export_order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions: ruff's order for ``__all__``."""
    if name.isupper():
        return 0, name
    return (1 if name.lstrip("_")[:1].isupper() else 2), name


def number_aware(name: str) -> list[tuple[int, int | str]]:
    """``order_9`` before ``order_10``."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_exports_are_sorted(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = list(ast.literal_eval(node.value))
            by_kind = sorted(names, key=lambda name: (export_order(name)[0], number_aware(name)))
            assert names == by_kind


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not LEFTOVER.search(path.read_text(encoding="utf-8"))


def test_every_verb_has_its_module() -> None:
    for verb in VERBS:
        assert find_spec(verb.module), verb.name
        assert callable(verb.load())


def test_the_catalogue_holds_every_rule_file() -> None:
    files = sorted((PACKAGE / "findings" / "rules").glob("[!_]*.py"))
    assert len(RULES) == len(files)
    assert len({rule.code for rule in RULES}) == len({rule.name for rule in RULES}) == len(RULES)


def test_every_trace_has_its_provenance() -> None:
    told = (ROOT / "traces" / "README.md").read_text(encoding="utf-8")
    for entry in sorted((ROOT / "traces").iterdir()):
        if entry.name != "README.md" and entry.suffix != ".svg":
            assert f"`{entry.name}" in told, entry.name

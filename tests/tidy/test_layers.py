"""The rules of the repository: layers, sizes, lean import, documentation, exports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "buddysim"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LAYER = {
    name: layer
    for layer, names in enumerate(
        [
            ("errors",),
            ("units",),
            ("kernel",),
            ("mm",),
            ("policy", "fault", "warn", "caller", "source"),
            ("replay",),
            ("findings", "explain"),
            ("report", "bench"),
            ("lesson",),
            ("present",),
            ("cli", "pytest_plugin"),
            ("__main__", "_build"),
        ]
    )
    for name in names
}
HOT_CORE_LINES = 500
FUNCTION_LINES = 70


def room_of(path: Path) -> str:
    """Top-level room of a source file."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module of ours, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down_only(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for line, module in imports_of(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] == "buddysim" and len(parts) > 1 and parts[1] != room:
            assert LAYER[parts[1]] < LAYER[room], f"{path}:{line} imports {module}"
        if parts[0] in {"rich", "textual"}:
            assert room in {"present", "lesson", "cli"}, f"{path}:{line} imports {module}"
        if parts[0] == "typer":
            assert room == "cli", f"{path}:{line} imports typer"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= HOT_CORE_LINES, path
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES, f"{path}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_documented_and_export_sorted_names(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            names = ast.literal_eval(node.value)
            assert len(set(names)) == len(names), path


def public_definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions, classes, and methods of public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    method
                    for method in node.body
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
                )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_names_are_documented(path: Path) -> None:
    for node in public_definitions(ast.parse(path.read_text())):
        assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


def test_nobody_prints_but_cli_and_present() -> None:
    for path in SOURCES:
        if room_of(path) in {"cli", "present", "_build"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno}"


HEAVY = {
    *("altair", "hypothesis", "numpy", "plotly", "pyarrow", "pydantic", "textual"),
    *("asyncio", "email", "http", "importlib.metadata", "importlib.resources", "multiprocessing"),
    *("rich.progress", "sqlite3", "unittest", "xml"),
}
"""Nothing that a command needs without a reason of its own."""
NOT_FOR_SCRIPTS = {
    *("gzip", "json", "rich._emoji_codes", "tomllib", "zstandard"),
    *("buddysim.caller.handle", "buddysim.explain", "buddysim.lesson", "buddysim.report.explore"),
    *("buddysim.fault.spec", "buddysim.kernel.failure_report", "buddysim.kernel.gfp_reading"),
    *("buddysim.replay.exploration", "buddysim.replay.film", "buddysim.replay.grown"),
    *("buddysim.replay.recorded", "buddysim.replay.recording_start", "buddysim.replay.snapshot"),
    *("buddysim.source.oracle", "buddysim.source.packed", "buddysim.source.scanner"),
    *("buddysim.source.sniff", "buddysim.warn.failure_report", "buddysim.warn.report_input"),
}
"""What recordings, failures, injection and other formats need."""


def modules_after(code: str) -> set[str]:
    """What a fresh process has imported once it has run ``code``."""
    code += "\nimport os, sys\nos.write(1, '\\n'.join(['', *sys.modules]).encode())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_the_command_line_imports_lean() -> None:
    loaded = modules_after("import buddysim.cli.main")
    assert "typer" in loaded
    assert not loaded & HEAVY
    assert {name for name in loaded if name.startswith("buddysim.cli.")} <= {
        "buddysim.cli._exit",
        "buddysim.cli._plain",
        "buddysim.cli.main",
    }


def test_a_short_script_is_replayed_with_few_imports(tmp_path: Path) -> None:
    script = tmp_path / "short.trace"
    script.write_text("+1us probe alloc a gfp=GFP_KERNEL\n+1us probe free a\n")
    argv = ["replay", "--quiet", str(script)]
    assert all(find_spec(name) for name in HEAVY | NOT_FOR_SCRIPTS if name.startswith("buddysim"))
    loaded = modules_after(f"from buddysim.cli.main import main; assert main({argv!r}) == 0")
    assert "rich.table" in loaded
    assert not loaded & HEAVY
    assert not loaded & NOT_FOR_SCRIPTS


def test_every_compiled_module_has_its_declarations() -> None:
    text = (PACKAGE / "_build" / "hook.py").read_text()
    tree = ast.parse(text)
    listed = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "TO_CYTHONIZE"
        and node.value is not None
    )
    assert listed
    for name in listed:
        assert (ROOT / name).is_file()
        assert (ROOT / name).with_suffix(".pxd").is_file(), name


def test_ci_runs_the_command_that_the_readme_shows() -> None:
    readme = (ROOT / "README.md").read_text()
    marked = readme.split("<!-- test-command -->", 1)[1]
    block = marked.split("```", 2)[1]
    assert "run_all.sh" in block
    assert "<!-- test-command -->" in (ROOT / ".ci" / "run").read_text()

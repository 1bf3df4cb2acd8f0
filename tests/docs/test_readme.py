"""README's commands, executed; what they print is what README shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from buddysim.cli.main import VERBS, main
from buddysim.findings.registry import RULES

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(
    r"<!-- run: width (\d+) -->\n```console\n\$ buddysim (.*?)\n(.*?)\n```", README, re.S
)
PYTHON = [
    code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "import pytest" not in code
]
_VARIES = re.compile(r" at [\d,]+/s|core\s+(?:compiled|interpreted)")


def unvarying(text: str) -> str:
    """Without speeds, builds and line breaks, which differ between machines."""
    return " ".join(_VARIES.sub("", " ".join(text.split())).split())


@pytest.mark.parametrize(("width", "command", "expected"), SHOWN, ids=lambda value: value[:40])
def test_shown_output_is_real(
    width: str,
    command: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("NO_COLOR", "1")
    main(shlex.split(command))
    assert unvarying(capsys.readouterr().out) == unvarying(expected)


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[0])
def test_library_examples_run(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    capsys.readouterr()


def test_the_pytest_example_fails_as_shown(tmp_path: Path) -> None:
    """Run as a user would, in a process of its own."""
    found = re.search(
        r"<!-- pytest: (\S+) -->\n```python\n(.*?)```.*?\$ pytest -q \1\n(.*?)\n```", README, re.S
    )
    assert found
    name, code, shown = found.groups()
    (tmp_path / name).write_text(code, encoding="utf-8")
    words = ["-q", "-p", "no:cacheprovider", "-p", "buddysim.pytest_plugin", name]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert shown in done.stdout.replace(f"{tmp_path}/", "")


def test_something_is_shown_and_every_verb_and_rule_is_listed() -> None:
    assert SHOWN
    assert PYTHON
    for verb in VERBS:
        assert f"| `{verb.name}` |" in README, verb.name
    for rule in RULES:
        assert f"| {rule.code} | {rule.name} |" in README, rule.code


def test_the_main_command_names_a_shipped_recording() -> None:
    block = README.split("<!-- main-command -->", 1)[1].split("```", 2)[1]
    trace = re.search(r"buddysim replay (\S+)", block)
    assert trace is not None
    assert (ROOT / trace[1]).is_file()

"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

GOOD = """
import errno, pytest

@pytest.mark.fail_each_allocation(schedule="both")
def test_setup_survives(mm):
    buffer = mm.kmalloc(512)
    if buffer is None:
        mm.count("setup_failed")
        return
    page = mm.alloc_page()
    if page is None:
        mm.kfree(buffer)
        raise OSError(errno.ENOMEM, "no page")
    page.touch()
    mm.free_page(page)
    mm.kfree(buffer)

def test_plain(mm):
    mm.free_pages(mm.alloc_pages(2))
"""
BROKEN = """
import errno, pytest

@pytest.mark.fail_each_allocation
def test_leaks(mm):
    first = mm.alloc_page()
    if first is None:
        raise OSError(errno.ENOMEM, "no page")
    second = mm.alloc_page()
    if second is None:
        raise OSError(errno.ENOMEM, "no page")
    mm.free_page(second)
    mm.free_page(first)

@pytest.mark.fail_each_allocation(schedule="transient")
def test_touches_nothing(mm):
    page = mm.alloc_page()
    page.touch()
    mm.free_page(page)

def test_forgets(mm):
    page = mm.alloc_page()
"""


def run(folder: Path, text: str, *words: str) -> tuple[int, str]:
    """A pytest of its own on one file."""
    (folder / "test_it.py").write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "buddysim.pytest_plugin",
            *words,
            "test_it.py",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_correct_code_passes(tmp_path: Path) -> None:
    code, out = run(tmp_path, GOOD)
    assert code == 0, out
    assert "2 passed" in out


def test_every_kind_of_trouble_fails_with_its_index(tmp_path: Path) -> None:
    code, out = run(tmp_path, BROKEN)
    assert code == 1
    assert "3 failed" in out, out
    assert "BS102 leak-on-error-path" in out
    assert "test_leaks' --fail-allocation 2" in out
    assert ": BS101 null-dereference" in out
    assert "still allocated at the end: the page of line " in out


def test_the_repro_repeats_one_index(tmp_path: Path) -> None:
    code, out = run(tmp_path, BROKEN, "-k", "leaks", "--fail-allocation", "2")
    assert code == 1
    assert "BS102" in out
    code, out = run(tmp_path, BROKEN, "-k", "leaks", "--fail-allocation", "1")
    assert code == 0, out

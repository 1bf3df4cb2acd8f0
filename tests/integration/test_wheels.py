"""The wheels we offer: one for the stable ABI of a platform, one without compiled code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.minutes
ROOT = Path(__file__).resolve().parents[2]
LATER = ("python3.12", "python3.13", "python3.14")


def built(folder: Path, **environment: str) -> Path:
    """The wheel that pip builds under these variables."""
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT]
    subprocess.run(argv, check=True, env=os.environ | environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def works(python: str) -> bool:
    """Is there such a Python?  A version manager puts names into PATH that are none."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def runs_in(python: str, wheel: Path, folder: Path) -> str:
    """What a replay says in a fresh environment of another Python."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", wheel], check=True)
    argv = [folder / "bin" / "buddysim", "--version"]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=alone).stdout


def test_one_compiled_wheel_serves_later_pythons(tmp_path: Path) -> None:
    wheel = built(tmp_path / "wheel", LIMITED_API="1", REQUIRE_CYTHON="1")
    assert "-cp311-abi3-" in wheel.name
    objects = [name for name in ZipFile(wheel).namelist() if name.endswith(".so")]
    assert objects
    assert all(name.endswith(".abi3.so") for name in objects)
    pythons = [python for python in LATER if works(python)]
    if not pythons:
        pytest.skip(f"none of {', '.join(LATER)} is here")
    for python in pythons:
        assert "core: compiled" in runs_in(python, wheel, tmp_path / python)


def test_the_pure_wheel_is_for_any_platform(tmp_path: Path) -> None:
    wheel = built(tmp_path, SKIP_CYTHON="1")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in ZipFile(wheel).namelist() if name.endswith((".so", ".c"))]

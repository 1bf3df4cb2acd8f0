"""Fixtures shared by every test: where the optional reference data lives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A shell ignores SIGINT for what it runs in the background, and children inherit that: the
# commands that the tests interrupt would not notice.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _reference_dir(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / name))
    if not path.is_dir():
        pytest.skip(f"{name} data not present (set {variable} to its folder)")
    return path


@pytest.fixture(scope="session")
def oracle_dir() -> Path:
    """Folder of kernel recordings; tests that need more than ``traces/`` skip without it."""
    return _reference_dir("BUDDYSIM_ORACLE", "oracle")


@pytest.fixture(scope="session")
def failure_reports_dir() -> Path:
    """Folder of real kernel logs with ground truth."""
    return _reference_dir("BUDDYSIM_FAILURE_REPORTS", "failure-reports")

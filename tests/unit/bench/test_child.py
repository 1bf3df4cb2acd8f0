"""Commands that are timed, and peaks that children tell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from buddysim.bench.child import command_seconds, peak_megabytes
from buddysim.errors import ConfigError


def test_a_command_takes_time_and_keeps_its_bytecode_apart(tmp_path: Path) -> None:
    assert command_seconds([sys.executable, "-c", "import this"], tmp_path) > 0
    assert (tmp_path / "bytecode").is_dir()


def test_a_command_that_fails_is_an_error_that_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with pytest.raises(ConfigError, match="no such thing"):
        command_seconds(argv, tmp_path)
    assert command_seconds(argv, tmp_path, allowed=(1,)) > 0


def test_perf_that_found_nothing_is_no_yardstick(tmp_path: Path) -> None:
    code = "print('No page allocation events found.  Have you run perf?')"
    with pytest.raises(ConfigError, match="did not work"):
        command_seconds([sys.executable, "-c", code], tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to ask")
def test_the_peak_is_the_childs_own() -> None:
    small = peak_megabytes("pass\n")
    large = peak_megabytes("b'x' * 50_000_000\n")
    assert 40 < large - small < 60

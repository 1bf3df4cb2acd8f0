"""Which build the tests ran on, so that a silent fallback cannot pass for the compiled one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import buddysim
from buddysim.cli.main import core_build
from buddysim.replay.engine import core_build as core_of_engine

ROOT = Path(__file__).resolve().parents[2]


def test_the_expected_core_is_under_test() -> None:
    expected = os.environ.get("BUDDYSIM_EXPECT_CORE")
    if expected is None:
        pytest.skip("BUDDYSIM_EXPECT_CORE is set only where both builds are tested")
    assert core_build() == core_of_engine() == expected
    assert not Path(buddysim.__file__).is_relative_to(ROOT / "buddysim")

"""The gate on the hot path: instructions an event, which no busy machine can blur."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from buddysim.bench.instructions import Part, instructions_per_event
from buddysim.replay.engine import core_build

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(core_build() != "compiled", reason="the gate is the compiled build's"),
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind on the PATH"),
]


@pytest.mark.parametrize(
    ("part", "most"),
    [("core", 160), ("allocator", 320), ("bound", 60)],
)
def test_an_event_costs_few_instructions(tmp_path: Path, part: Part, most: int) -> None:
    counted = instructions_per_event(part, tmp_path)
    assert 0 < counted <= most, (
        "a Python object, an attribute look-up or a call that is no longer inline has come into "
        "the hot path; callgrind_annotate tells where"
    )

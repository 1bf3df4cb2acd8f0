"""Fragmentation files against the formulas, digit for digit."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.replay.verify_extfrag import check_extfrag

SETS = ("extfrag-files-6.1", "extfrag-files-pb9", "extfrag-files-pb10")
TYPES = ("Unmovable", "Movable")


def reading(first: list[int], second: list[int], index: str = " 0.985") -> str:
    """One reading of a zone with one pageblock of each type; order 2 of 0..2 is out of reach."""
    total = [a + b for a, b in zip(first, second, strict=True)]
    rows = [
        f"Node    0, zone   Normal, type {name:>12s} " + "".join(f"{n:6d} " for n in counts)
        for name, counts in zip(TYPES, (first, second), strict=True)
    ]
    return "\n".join(
        [
            "== /proc/buddyinfo",
            "Node 0, zone   Normal " + "".join(f"{n:6d} " for n in total),
            "== unusable_index",
            "Node 0, zone   Normal 0.000 0.333 1.000 ",
            "== extfrag_index",
            f"Node 0, zone   Normal -1.000 -1.000 {index} ",
            "== /proc/pagetypeinfo",
            "Page block order: 9",
            "Pages per block:  512",
            "",
            "Free pages count per migrate type at order       0      1      2 ",
            *rows,
            "",
            "Number of blocks type     Unmovable      Movable ",
            "Node 0, zone   Normal            1            1 ",
            "",
        ]
    )


@pytest.mark.parametrize("name", [*SETS, "x86-fragmentation"])
def test_every_recording_comes_out(oracle_dir: Path, name: str) -> None:
    pattern = "*.extfrag.txt" if name.startswith("x86") else "*.txt"
    results = [check_extfrag(path) for path in sorted((oracle_dir / name).glob(pattern))]
    assert len(results) >= 3
    assert sum(result.ops for result in results) > 30
    assert [result.first_divergence for result in results if not result.exact] == []


def test_small_reading(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_text(reading([1, 0, 0], [1, 2, 0], index=" 0.375"))
    result = check_extfrag(path)
    assert result.first_divergence is None
    assert result.ops == 10


def test_a_wrong_digit_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    path.write_text(reading([1, 0, 0], [1, 2, 0], index=" 0.376"))
    result = check_extfrag(path)
    assert not result.exact
    assert result.first_divergence is not None
    assert result.first_divergence["line"] == 6


def test_unstable_reading_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    text = reading([1, 0, 0], [1, 2, 0], index=" 0.999")
    path.write_text(text + "## /proc/buddyinfo (2)\nNode 0, zone   Normal      9      2      0 \n")
    result = check_extfrag(path)
    assert result.exact
    assert result.notes == ("1 readings changed while they were taken: not compared",)


def test_other_files_are_trace_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("nothing here\n")
    with pytest.raises(TraceError, match="no fragmentation files"):
        check_extfrag(path)

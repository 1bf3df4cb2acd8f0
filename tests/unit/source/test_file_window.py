"""A part of a file, mapped or read, is the same bytes."""

from __future__ import annotations

import mmap
import random
from pathlib import Path

import pytest

from buddysim.source import file_window as module
from buddysim.source.file_window import file_window

GRANULE = mmap.ALLOCATIONGRANULARITY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(random.Random(5).randbytes(3 * GRANULE + 17))
    return path


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize(
    ("at", "size"),
    [(0, 1), (0, GRANULE), (1, 5), (GRANULE - 1, 2), (GRANULE, 2 * GRANULE), (2 * GRANULE + 9, 99)],
)
def test_the_bytes_asked_for_are_there(
    path: Path, at: int, size: int, maps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not maps:
        monkeypatch.setattr(module, "_POPULATE", None)
    with path.open("rb") as file:
        block, start = file_window(file, at, size)
    assert isinstance(block, bytes) == (not maps)
    assert block[start : start + size] == path.read_bytes()[at : at + size]
    assert len(block) == start + size


@pytest.mark.parametrize("at", [2 * GRANULE + 5, 3 * GRANULE + 10, 3 * GRANULE + 17, 9 * GRANULE])
def test_of_a_file_that_is_too_short_there_is_what_there_is(path: Path, at: int) -> None:
    with path.open("rb") as file:
        block, start = file_window(file, at, 2 * GRANULE)
    assert start == 0
    assert block == path.read_bytes()[at:]


def test_what_cannot_be_mapped_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_more: object) -> object:
        raise OSError("no such thing here")

    monkeypatch.setattr(module.mmap, "mmap", refuse)
    with path.open("rb") as file:
        assert file_window(file, 3, 8) == (path.read_bytes()[3:11], 0)

"""Columns in memory of large pages."""

from __future__ import annotations

import errno
import mmap
from array import array

import pytest

from buddysim.source import room
from buddysim.source.room import Room


def test_copies_are_apart_and_writable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_CHUNK_BYTES", 256)
    store = Room()
    columns = [array(code, range(40)) for code in "bBHIiq"]
    copies = [store.copied(column, 3, 40) for column in columns]
    for column, copied in zip(columns, copies, strict=True):
        assert copied.format == column.typecode
        assert array(column.typecode, copied) == column[3:]
        copied[0] = 99
        assert column[3] == 3
    assert all(list(copied[1:]) == list(range(4, 40)) for copied in copies)


def test_nothing_is_copied_too() -> None:
    assert list(Room().copied(array("q", [1, 2]), 1, 1)) == []


def test_a_system_without_large_pages_has_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain(mmap.mmap):
        def madvise(self, *advice: int) -> None:
            raise OSError(errno.EINVAL, "no transparent huge pages")

    monkeypatch.setattr(room.mmap, "mmap", Plain)
    assert list(Room().copied(array("I", [5, 6, 7]), 0, 2)) == [5, 6]
    monkeypatch.setattr(room, "_LARGE_PAGES", None)
    assert list(Room().copied(array("I", [5, 6, 7]), 1, 3)) == [6, 7]

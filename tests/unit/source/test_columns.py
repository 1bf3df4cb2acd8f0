"""Loops over whole columns, in whichever build is under test."""

from __future__ import annotations

from array import array
from itertools import combinations

import pytest

from buddysim.source.columns import gather, is_uniform, permute, typed, undelta, widen


@pytest.mark.parametrize("code", ["B", "H", "I"])
@pytest.mark.parametrize("wide", ["B", "H", "b", "I", "i", "q"])
def test_gather_looks_each_number_up(code: str, wide: str) -> None:
    palette = memoryview(array("q", [7, 100, 3]))
    out = array(wide, bytes(array(wide).itemsize * 4))
    index = memoryview(array(code, [2, 0, 1, 1]))
    assert typed(gather, code, wide)(palette, index, out)
    assert out.tolist() == [3, 7, 100, 100]


def test_gather_refuses_a_number_that_the_palette_lacks() -> None:
    palette = memoryview(array("q", [7, 100, 3]))
    index = memoryview(array("B", [2, 3]))
    assert not typed(gather, "B", "q")(palette, index, array("q", [0, 0]))


def test_undelta_sums_up_and_takes_each_exception_once() -> None:
    stored, out = memoryview(array("B", [1, 255, 2])), array("q", [0, 0, 0])
    add_up = typed(undelta, "B", "q")
    assert add_up(10, 5, 255, stored, memoryview(array("q", [-4])), out)
    assert out.tolist() == [15, 11, 21]
    for odd in ([], [1, 1]):
        assert not add_up(10, 5, 255, stored, memoryview(array("q", odd)), out)


def test_widen_and_permute_stay_within_their_columns() -> None:
    out = array("q", [0, 0])
    assert typed(widen, "h")(memoryview(array("h", [-1, 2])), out)
    assert out.tolist() == [-1, 2]
    assert not typed(widen, "h")(memoryview(array("h", [1, 2, 3])), out)
    order, picked = array("I", [1, 0]), array("q", [0, 0])
    assert typed(permute, "q")(out, order, picked)
    assert picked.tolist() == [2, -1]
    assert not typed(permute, "q")(out, array("I", [2, 0]), picked)


@pytest.mark.parametrize("code", "bBHIiq")
def test_rows_are_uniform_or_not_between_two_places(code: str) -> None:
    alike = typed(is_uniform, code)
    column = array(code, [1, 2, 2, 2, 3, 2])
    told = {places: alike(column, *places) for places in combinations(range(7), 2)}
    assert all(told[row, row + 1] for row in range(6))
    assert told[1, 4]
    assert not told[0, 2]
    assert not told[1, 5]
    assert not told[3, 6]

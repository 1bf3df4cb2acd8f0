"""Counts by packed key, against a Counter."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from buddysim.replay.shape_counts import ShapeCounts

_KEYS = st.one_of(st.integers(0, 9), st.integers(0, 1 << 20), st.integers(0, (1 << 64) - 1))


@given(st.lists(_KEYS, max_size=700))
def test_counts_are_those_of_a_counter(keys: list[int]) -> None:
    counts, expected = ShapeCounts(), Counter[int]()
    for key in keys:
        assert counts.knows(key) == (key in expected)
        if key not in expected:
            counts.introduce(key, key & 7)
        counts.add(key)
        expected[key] += 1
    assert dict(counts.items()) == expected
    assert all(counts.rights[counts.place_of(key)] == key & 7 for key in expected)


def test_a_kind_that_was_only_introduced_is_known_and_was_not_counted() -> None:
    counts = ShapeCounts()
    counts.introduce(7, 0)
    assert counts.knows(7)
    assert dict(counts.items()) == {}


def test_the_table_grows_and_keeps_its_counts() -> None:
    counts = ShapeCounts()
    for key in range(5000):
        counts.introduce(key << 12, 0)
        counts.add(key << 12)
        counts.add(key << 12)
    assert dict(counts.items()) == {key << 12: 2 for key in range(5000)}

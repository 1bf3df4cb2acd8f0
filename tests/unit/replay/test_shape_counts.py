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
        assert counts.add(key) == expected[key]
        expected[key] += 1
    assert dict(counts.items()) == expected


def test_the_table_grows_and_keeps_its_counts() -> None:
    counts = ShapeCounts()
    for key in range(5000):
        counts.add(key << 12)
        counts.add(key << 12)
    assert dict(counts.items()) == {key << 12: 2 for key in range(5000)}

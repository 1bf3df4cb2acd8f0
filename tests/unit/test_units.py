"""Sizes and times as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.errors import ConfigError
from buddysim.units import format_bytes, format_duration, parse_bytes, parse_duration


@pytest.mark.parametrize(
    ("text", "nr_bytes"),
    [("64M", 64 << 20), ("1.5GiB", 3 << 29), ("4096", 4096), ("2 k", 2048), ("1T", 1 << 40)],
)
def test_parse_bytes(text: str, nr_bytes: int) -> None:
    assert parse_bytes(text) == nr_bytes


@pytest.mark.parametrize("text", ["", "M", "-1M", "12X", "1.2.3M", "sixty"])
def test_bad_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("nr_bytes", "text"), [(64 << 20, "64M"), (3 << 29, "1.5G"), (100, "100B"), (1500, "1.5K")]
)
def test_format_bytes(nr_bytes: int, text: str) -> None:
    assert format_bytes(nr_bytes) == text


@given(st.integers(0, 1 << 20), st.sampled_from([0, 10, 20, 30, 40]))
def test_whole_sizes_round_trip(number: int, shift: int) -> None:
    text = format_bytes(number << shift)
    if "." not in text:
        assert parse_bytes(text) == number << shift


@pytest.mark.parametrize(
    ("text", "ns"), [("20us", 20_000), ("1.5ms", 1_500_000), ("3s", 3_000_000_000), ("7ns", 7)]
)
def test_durations_round_trip(text: str, ns: int) -> None:
    assert parse_duration(text) == ns
    assert format_duration(ns) == text


@pytest.mark.parametrize("text", ["", "3", "3h", "-1s", "s"])
def test_bad_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number"):
        parse_duration(text)

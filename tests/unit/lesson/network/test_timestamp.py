"""Options ride in the timestamp's low bits, and the clock never runs ahead."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.lesson.network.timestamp import LAYOUTS, TcpOptions, WindowScale

OLD, MODERN = LAYOUTS["2.6.26"], LAYOUTS["6.12"]
SCALES = [None, *itertools.starmap(WindowScale, itertools.product(range(15), repeat=2))]
clocks = st.integers(0, 2**32 - 1)


def test_the_classic_capture_says_scale_6_both_ways_and_sack() -> None:
    options = TcpOptions(WindowScale(6, 6), sack=True)
    assert OLD.pack(options) == 0x166
    assert OLD.unpack(0xABCDE000 | 0x166) == options


@pytest.mark.parametrize("sack", [False, True])
def test_every_scale_and_sack_round_trips_in_nine_bits(sack: bool) -> None:
    for scale in SCALES:
        back = OLD.unpack(OLD.stamp(TcpOptions(scale, sack=sack), 1 << 20))
        same_windows = None if scale == WindowScale(0, 0) else scale
        assert back == TcpOptions(same_windows, sack=sack)


@pytest.mark.parametrize(("sack", "ecn"), list(itertools.product([False, True], repeat=2)))
def test_every_scale_sack_and_ecn_round_trips_in_six_bits(sack: bool, ecn: bool) -> None:
    for scale in SCALES:
        options = TcpOptions(scale, sack=sack, ecn=ecn)
        own = scale.receive if scale else 3
        assert MODERN.unpack(MODERN.stamp(options, 99_999), own_scale=own) == options


@given(clocks, st.sampled_from(SCALES), st.booleans(), st.sampled_from([OLD, MODERN]))
def test_a_stamp_is_never_ahead_and_never_a_whole_unit_late_twice(now, scale, sack, layout) -> None:
    stamp = layout.stamp(TcpOptions(scale, sack=sack), now)
    behind = (now - stamp) & 0xFFFF_FFFF
    assert 0 <= behind < 2 * layout.lost_ticks - 1
    assert stamp & (layout.lost_ticks - 1) == layout.pack(TcpOptions(scale, sack=sack))


def test_the_options_cost_512_ticks_then_and_64_now() -> None:
    assert (OLD.lost_ticks, MODERN.lost_ticks) == (512, 64)


@pytest.mark.parametrize("echoed", [0x00F, 0x0F0, 0x1FF])
def test_a_scale_of_15_was_never_sent_by_us(echoed: int) -> None:
    assert OLD.unpack(echoed) is None


def test_a_scale_above_14_is_refused() -> None:
    with pytest.raises(ValueError, match="scale 15 is outside"):
        WindowScale(15, 0)

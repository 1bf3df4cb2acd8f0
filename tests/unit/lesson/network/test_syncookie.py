"""Cookies come back as what went in, for the flow they were made for, for as long as they last."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.lesson.network.syncookie import COOKIE_ERAS, Flow, SynCookie

SECRET = b"0123456789abcdef"
ERAS = sorted(COOKIE_ERAS)

addresses4 = st.integers(0, 2**32 - 1).map(IPv4Address)
addresses6 = st.integers(0, 2**128 - 1).map(IPv6Address)
ports = st.integers(0, 0xFFFF)
flows = st.builds(Flow, addresses4, addresses4, ports, ports) | st.builds(
    Flow, addresses6, addresses6, ports, ports
)
sequences = st.integers(0, 2**32 - 1)
times = st.floats(0, 1e7, allow_nan=False)
FLOW4 = Flow(IPv4Address("198.51.100.7"), IPv4Address("192.0.2.1"), 40000, 80)
FLOW6 = Flow(IPv6Address("2001:db8::7"), IPv6Address("2001:db8::1"), 40000, 80)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("flow", [FLOW4, FLOW6], ids=["ipv4", "ipv6"])
def test_every_table_entry_round_trips(era: str, flow: Flow) -> None:
    cookie = SynCookie(SECRET, era)
    for mss in cookie.mss_table(flow):
        isn = cookie.encode(flow, 12345, mss, now_s=1000.0)
        assert cookie.decode(flow, 12345, isn, now_s=1000.0) == mss


@given(flows, sequences, st.integers(1, 65535), times, st.sampled_from(ERAS))
def test_an_offered_mss_comes_back_rounded_down_to_the_table(
    flow: Flow, isn: int, mss: int, now_s: float, era: str
) -> None:
    cookie = SynCookie(SECRET, era)
    table = cookie.mss_table(flow)
    expected = max((entry for entry in table if entry <= mss), default=table[0])
    number = cookie.encode(flow, isn, mss, now_s)
    assert 0 <= number < 2**32
    assert cookie.decode(flow, isn, number, now_s) == expected


@given(flows, sequences, times, st.integers(0, 6), st.sampled_from(ERAS))
def test_a_cookie_lives_for_the_eras_ticks_and_no_longer(
    flow: Flow, isn: int, now_s: float, ticks: int, era: str
) -> None:
    cookie = SynCookie(SECRET, era)
    made = cookie.encode(flow, isn, 1460, now_s)
    decoded = cookie.decode(flow, isn, made, now_s + 60 * ticks)
    assert (decoded is not None) == (ticks < COOKIE_ERAS[era].max_age_ticks)


@given(flows, flows, sequences, sequences)
def test_a_cookie_of_another_flow_is_refused(a: Flow, b: Flow, isn: int, guess: int) -> None:
    cookie = SynCookie(SECRET)
    if a == b:
        return
    assert cookie.decode(b, isn, cookie.encode(a, isn, 1460, 0.0), 0.0) is None


def test_forged_numbers_pass_no_more_often_than_chance_allows() -> None:
    cookie = SynCookie(SECRET)
    step = 0x9E3779B1
    guesses = (n * step & 0xFFFF_FFFF for n in range(200_000))
    passed = sum(cookie.decode(FLOW4, 7, guess, 5e5) is not None for guess in guesses)
    assert cookie.guess_probability() == pytest.approx(4 / 256 * 8 / 2**24)
    assert passed == 0, "200,000 guesses at 7.5e-9 each"


def test_another_secret_refuses_the_cookie() -> None:
    made = SynCookie(SECRET).encode(FLOW4, 1, 1460, 0.0)
    assert SynCookie(b"another secret of 16+ bytes").decode(FLOW4, 1, made, 0.0) is None


def test_the_client_sequence_number_is_bound_in() -> None:
    cookie = SynCookie(SECRET)
    made = cookie.encode(FLOW4, 1, 1460, 0.0)
    assert cookie.decode(FLOW4, 0x800001, made, 0.0) is None


def test_the_counter_wraps_at_eight_bits_unseen() -> None:
    cookie = SynCookie(SECRET)
    before, after = 60 * 255.0, 60 * 256.0
    made = cookie.encode(FLOW4, 9, 536, before)
    assert cookie.decode(FLOW4, 9, made, after) == 536


def test_mixed_families_short_secrets_and_bad_ports_are_refused() -> None:
    with pytest.raises(ValueError, match="different families"):
        Flow(IPv4Address("1.2.3.4"), IPv6Address("::1"), 1, 2)
    with pytest.raises(ValueError, match="port 65536"):
        Flow(FLOW4.source, FLOW4.destination, 65536, 1)
    with pytest.raises(ValueError, match="at least 16"):
        SynCookie(b"short")

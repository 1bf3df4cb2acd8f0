"""The worked examples of fact sheet 10.6, per era."""

from __future__ import annotations

import pytest

from buddysim.kernel.profile import PROFILES, profile_of
from buddysim.warn.ratelimit import (
    TokenBucket,
    Verdict,
    Window,
    jiffies_of,
    page_warning_limit,
    slub_warning_limit,
)

S = 1_000_000_000


def answers(era: str, seconds: list[float]) -> list[Verdict]:
    limit = page_warning_limit(profile_of(era))
    return [limit.ask(jiffies_of(int(each * S))) for each in seconds]


def test_modern_worked_example() -> None:
    got = answers("6.12", [0, 3, 9.99, 10.0, 10.01])
    assert [each.allowed for each in got] == [True, False, False, False, True]
    assert [each.kept_back for each in got] == [0, 0, 0, 0, 3]


@pytest.mark.parametrize("era", ["3.13", "4.4", "4.19"])
def test_ten_in_five_seconds_before_5_5(era: str) -> None:
    got = answers(era, [0.1 * n for n in range(12)])
    assert [each.allowed for each in got] == [True] * 10 + [False] * 2


def test_4_19_starts_the_new_window_at_the_call_that_reopens_it() -> None:
    window = Window(100, 1)
    assert [window.ask(now).allowed for now in (10, 111, 112, 211, 212)] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_4_4_starts_the_new_window_at_the_second_call() -> None:
    window = Window(100, 2, reopen_now=False)
    assert window.ask(10).allowed
    assert window.ask(120).allowed  # reopens, but no window is open yet
    assert window.begin == 0
    assert window.ask(200).allowed
    assert window.begin == 200
    assert not window.ask(300).allowed
    assert window.ask(301) == Verdict(True, 1)


def test_kept_back_is_never_announced_without_a_later_call() -> None:
    window = Window(100, 1)
    assert sum(window.ask(now).kept_back for now in (1, 2, 3)) == 0
    assert window.missed == 2


def test_interval_0_allows_everything_and_keeps_no_state() -> None:
    window = Window(0, 1)
    assert all(window.ask(now).allowed for now in range(5))
    assert window.begin == 0


def test_burst_0_announces_but_denies() -> None:
    window = Window(10, 0)
    assert not window.ask(1).allowed
    assert window.ask(12) == Verdict(False, 1)


def test_token_bucket_of_2_6_25() -> None:
    limit = page_warning_limit(profile_of("2.6.25"), hz=100)
    assert isinstance(limit, TokenBucket)
    burst = [limit.ask(1000 + n).allowed for n in range(12)]
    assert burst == [True] * 10 + [False] * 2
    assert not limit.ask(1499).allowed
    assert limit.ask(1500) == Verdict(True, 3)
    assert not limit.ask(1501).allowed


def test_slub_limit_is_ten_in_five_seconds() -> None:
    limit = slub_warning_limit(hz=250)
    assert [limit.ask(5).allowed for _ in range(11)] == [True] * 10 + [False]
    assert limit.ask(5 + 1251) == Verdict(True, 1)


def test_jiffies_start_five_minutes_before_zero() -> None:
    assert jiffies_of(0, hz=100) == -30_000
    assert jiffies_of(300 * S) == 0


def test_every_profile_has_a_limit() -> None:
    for profile in PROFILES.values():
        assert page_warning_limit(profile).ask(1).allowed

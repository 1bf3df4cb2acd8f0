"""The flood reproduces the directions of the published measurements (fact sheet 14.4)."""

from __future__ import annotations

import pytest

from buddysim.lesson.network.flood import Flood, FloodResult, FloodSpec
from buddysim.lesson.network.listener import CookieMode


@pytest.fixture(scope="module")
def run(fake_pages):
    """Play one flood on fake pages, all of which must come back."""

    def play(mode: CookieMode, limit: int = 1 << 30, **options) -> FloodResult:
        pages = fake_pages(limit)
        result = Flood(FloodSpec(mode, **options), pages).run()
        assert pages.pages == 0
        return result

    return play


@pytest.fixture(scope="module")
def results(run) -> dict[CookieMode, FloodResult]:
    """No cookies needs a longer look: half-open requests live 21 s."""
    return {mode: run(mode, seconds=24.0 if mode is CookieMode.OFF else 4.0) for mode in CookieMode}


def test_a_calm_server_serves_everyone_at_the_round_trip_time(run) -> None:
    calm = run(CookieMode.OFF, noise_per_s=0)
    assert calm.served_percent > 99
    assert 10 < calm.mean_response_ms < 12


def test_without_cookies_nearly_nobody_is_served_and_those_who_are_wait_seconds(results) -> None:
    off = results[CookieMode.OFF]
    assert off.served_percent < 5
    assert off.mean_response_ms > 1000


@pytest.mark.parametrize("mode", [CookieMode.COOKIES, CookieMode.TIMESTAMPS])
def test_cookies_serve_nearly_everyone_in_milliseconds(results, mode) -> None:
    assert results[mode].served_percent > 95
    assert results[mode].mean_response_ms < 20


def test_cookies_cost_some_cpu_because_they_have_customers(results) -> None:
    off, on = results[CookieMode.OFF].cpu_percent, results[CookieMode.COOKIES].cpu_percent
    assert 55 < off < 65 < on < 75


def test_timestamps_save_the_options_of_the_clients_that_offer_them(results) -> None:
    plain, stamped = results[CookieMode.COOKIES], results[CookieMode.TIMESTAMPS]
    assert plain.scale_lost > 0.95 * plain.served * 0.9
    assert stamped.scale_lost < 0.2 * plain.scale_lost
    assert stamped.sack_lost < 0.2 * plain.sack_lost
    assert stamped.mss_rounded == plain.mss_rounded, "the MSS is in the cookie, not in the stamp"


def test_a_site_at_its_limit_loses_a_little_with_cookies_and_nearly_all_without(run) -> None:
    busy = {"clients_per_s": 800, "request_us": 1270.0, "max_syn_backlog": 256}
    calm = run(CookieMode.OFF, noise_per_s=0, seconds=6.0, **busy)
    cookies = run(CookieMode.COOKIES, noise_per_s=450, seconds=6.0, **busy)
    off = run(CookieMode.OFF, noise_per_s=450, seconds=24.0, **busy)
    assert calm.served / 6 == pytest.approx(750, rel=0.02)
    assert cookies.served / 6 == pytest.approx(725, rel=0.02)
    assert off.served / 24 < 75


def test_the_queue_bounds_the_memory_and_a_bigger_queue_pays_for_it(run) -> None:
    bounded = run(CookieMode.COOKIES, seconds=3.0)
    unbounded = run(CookieMode.OFF, seconds=3.0, max_syn_backlog=65536)
    assert bounded.request_pages_peak == 25, "1024 requests, 42 to a page"
    assert unbounded.request_pages_peak > 500


def test_a_bigger_queue_on_a_small_machine_fails_atomic_allocations(run) -> None:
    small = run(CookieMode.OFF, 300, seconds=3.0, max_syn_backlog=65536)
    assert small.allocation_failures > 1000
    assert small.served_percent < 95


def test_todays_objects_are_bigger(run) -> None:
    then = run(CookieMode.COOKIES, seconds=1.0)
    now = run(CookieMode.COOKIES, seconds=1.0, era="6.12")
    assert now.request_pages_peak > 3 * then.request_pages_peak


def test_the_same_specification_gives_the_same_result(run) -> None:
    assert run(CookieMode.COOKIES, seconds=0.5) == run(CookieMode.COOKIES, seconds=0.5)

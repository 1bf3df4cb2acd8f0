"""The listener answers, forgets, refuses and rebuilds as each mode says it should."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from buddysim.kernel.gfp import composite
from buddysim.lesson.network.listener import Ack, CookieMode, Listener, Syn
from buddysim.lesson.network.slab import SlabCache, old_layout
from buddysim.lesson.network.syncookie import Flow, SynCookie
from buddysim.lesson.network.timestamp import TcpOptions, WindowScale

SERVER = IPv4Address("192.0.2.1")
OPTIONS = TcpOptions(WindowScale(7, 6), sack=True)


@pytest.fixture
def listener(fake_pages):
    """Open a listener on fake pages, or on those given."""

    def build(mode: CookieMode, pages=None, backlog: int = 8) -> Listener:
        source = pages or fake_pages()
        gfp = composite("GFP_ATOMIC", "2.6.25")
        return Listener(
            mode,
            SynCookie(b"0123456789abcdef"),
            SlabCache("request_sock_TCP", old_layout(96), source, gfp),
            SlabCache("TCP", old_layout(1664), source, gfp),
            backlog,
        )

    return build


def syn(number: int, *, timestamps: bool = True) -> Syn:
    flow = Flow(IPv4Address(0x0A000000 + number), SERVER, 1024, 80)
    return Syn(flow, 77 + number, 1400, OPTIONS, timestamps)


def handshake(server: Listener, request: Syn, at_s: float = 1.0):
    answer = server.syn(request, at_s)
    if answer is None:
        return None
    echo = answer.timestamp if request.timestamps else None
    return server.ack(
        Ack(request.flow, request.isn, answer.isn + 1 & 0xFFFFFFFF, echo), at_s + 0.01
    )


def fill(server: Listener) -> None:
    for number in range(server.max_syn_backlog):
        assert server.syn(syn(1000 + number), 0.0) is not None


@pytest.mark.parametrize("mode", list(CookieMode))
def test_a_calm_server_uses_no_cookie_and_keeps_every_option(mode: CookieMode, listener) -> None:
    server = listener(mode)
    connection = handshake(server, syn(1))
    assert (connection.mss, connection.options, connection.from_cookie) == (1400, OPTIONS, False)
    assert server.counters.cookies_sent == 0


def test_without_cookies_a_full_queue_drops(listener) -> None:
    server = listener(CookieMode.OFF)
    fill(server)
    assert server.syn(syn(1), 1.0) is None
    assert server.counters.requests_dropped == 1
    assert server.queue_length == 8


def test_cookies_serve_but_forget_options(listener) -> None:
    server = listener(CookieMode.COOKIES)
    fill(server)
    connection = handshake(server, syn(1))
    assert connection.from_cookie
    assert (connection.mss, connection.options) == (1024, TcpOptions())
    assert server.queue_length == 8, "a cookie takes no room"


def test_timestamps_carry_the_options(listener) -> None:
    server = listener(CookieMode.TIMESTAMPS)
    fill(server)
    assert handshake(server, syn(1)).options == OPTIONS


def test_a_client_without_timestamps_loses_its_options(listener) -> None:
    server = listener(CookieMode.TIMESTAMPS)
    fill(server)
    assert handshake(server, syn(1, timestamps=False)).options == TcpOptions()


def test_forged_and_stale_acks_are_refused(listener) -> None:
    server = listener(CookieMode.COOKIES)
    fill(server)
    request = syn(1)
    isn = server.syn(request, 1.0).isn
    good = Ack(request.flow, request.isn, isn + 1 & 0xFFFFFFFF)
    assert server.ack(replace(good, ack=isn + 1000 & 0xFFFFFFFF), 1.0) is None
    assert server.ack(replace(good, flow=syn(2).flow), 1.0) is None
    assert server.ack(good, 60 * 5.0) is None
    assert server.counters.cookies_failed == 3
    assert server.ack(good, 1.0) is not None


def test_no_cookie_is_believed_when_the_queue_has_not_overflowed_lately(listener) -> None:
    busy = listener(CookieMode.COOKIES)
    fill(busy)
    request = syn(1)
    isn = busy.syn(request, 1.0).isn
    late = Ack(request.flow, request.isn, isn + 1 & 0xFFFFFFFF)
    assert busy.ack(late, 4.5) is None, "valid, but 3.5 s after the overflow"


def test_half_open_requests_die_after_21_s_under_pressure_and_189_s_in_peace(listener) -> None:
    pressed = listener(CookieMode.OFF)
    fill(pressed)
    assert pressed.syn(syn(1), 20.9) is None
    assert pressed.syn(syn(1), 21.1) is not None
    calm = listener(CookieMode.OFF)
    calm.syn(syn(1), 0.0)
    calm.syn(syn(2), 188.0)
    assert calm.queue_length == 2
    calm.syn(syn(3), 190.0)
    assert calm.queue_length == 2


def test_a_failed_request_sock_drops_the_syn(listener, fake_pages) -> None:
    server = listener(CookieMode.OFF, fake_pages(limit=0))
    assert server.syn(syn(1), 0.0) is None
    assert server.counters.requests_no_memory == 1


def test_a_failed_socket_keeps_the_request_for_another_try(listener, fake_pages) -> None:
    pages = fake_pages(limit=1)
    server = listener(CookieMode.OFF, pages)
    request = syn(1)
    isn = server.syn(request, 0.0).isn
    final = Ack(request.flow, request.isn, isn + 1 & 0xFFFFFFFF)
    assert server.ack(final, 0.1) is None
    assert (server.counters.accept_no_memory, server.queue_length) == (1, 1)
    pages.limit = 100
    assert server.ack(final, 0.2) is not None
    assert server.queue_length == 0


def test_a_retransmitted_syn_gets_the_same_answer(listener) -> None:
    server = listener(CookieMode.OFF)
    assert server.syn(syn(1), 0.0).isn == server.syn(syn(1), 3.0).isn
    assert server.queue_length == 1


def test_everything_is_given_back(listener, fake_pages) -> None:
    pages = fake_pages()
    server = listener(CookieMode.OFF, pages)
    connection = handshake(server, syn(1))
    server.syn(syn(2), 2.0)
    server.close(connection)
    server.shutdown()
    assert pages.pages == 0


def test_a_backlog_below_8_is_refused(listener) -> None:
    with pytest.raises(ValueError, match="max_syn_backlog 7"):
        listener(CookieMode.OFF, backlog=7)

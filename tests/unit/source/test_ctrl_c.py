"""The first Ctrl-C ends a wait whenever it comes; nothing else is torn by it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from buddysim.source.ctrl_c import CtrlC


def hit() -> None:
    signal.raise_signal(signal.SIGINT)


def hit_then_go_on(steps: list[str]) -> Callable[[], None]:
    def waiting() -> None:
        hit()
        steps.append("went on")

    return waiting


def test_a_wait_that_nobody_interrupts_ends_by_itself() -> None:
    with CtrlC() as ctrl_c:
        assert ctrl_c.wait(lambda: None)
    assert not ctrl_c.came


def test_a_hit_while_waiting_ends_the_wait() -> None:
    steps: list[str] = []
    with CtrlC() as ctrl_c:
        assert not ctrl_c.wait(hit_then_go_on(steps))
    assert steps == []


def test_a_hit_before_the_wait_is_kept_for_it() -> None:
    steps: list[str] = []
    with CtrlC() as ctrl_c:
        hit()
        assert not ctrl_c.wait(lambda: steps.append("waited"))
    assert steps == []


def test_a_hit_after_the_wait_disturbs_nothing() -> None:
    with CtrlC() as ctrl_c:
        assert ctrl_c.wait(lambda: None)
        hit()
    assert ctrl_c.came


def test_the_second_hit_interrupts() -> None:
    with CtrlC() as ctrl_c:
        assert not ctrl_c.wait(hit)
        with pytest.raises(KeyboardInterrupt):
            hit()


def test_the_former_handler_comes_back() -> None:
    with pytest.raises(KeyError), CtrlC():
        raise KeyError
    with pytest.raises(KeyboardInterrupt):
        hit()


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with CtrlC() as ctrl_c:
            assert ctrl_c.wait(hit)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


def test_another_thread_waits_undisturbed() -> None:
    told: list[bool] = []

    def recording() -> None:
        with CtrlC() as ctrl_c:
            told.append(ctrl_c.wait(lambda: None))

    thread = threading.Thread(target=recording)
    thread.start()
    thread.join()
    assert told == [True]

"""The order of checks and the counters of fact sheet 11.3 and 11.4, per era."""

from __future__ import annotations

import pytest

from buddysim.fault.attr import FaultAttr, check_order_of
from buddysim.fault.fail_nth import FailNth
from buddysim.fault.stack_filter import StackFilter


def attr(era: str = "6.12", **settings: object) -> FaultAttr:
    values = {"probability": 100, "times": -1, **settings}
    return FaultAttr("fail_page_alloc", order=check_order_of(era), **values)


def run(fault: FaultAttr, calls: int, size: int = 1, **extra: object) -> list[int]:
    """Numbers (from 1) of the calls that fail."""
    return [n for n in range(1, calls + 1) if fault.should_fail(size, **extra)]


def test_defaults_inject_nothing() -> None:
    fault = FaultAttr("failslab")
    assert run(fault, 50) == []
    assert (fault.times, fault.interval, fault.verbose) == (1, 1, 2)


def test_space_3_lets_two_single_pages_pass() -> None:
    fault = attr(space=3)
    assert run(fault, 4) == [3, 4]
    assert fault.space == 1


def test_space_is_not_consumed_once_it_is_not_above_the_size() -> None:
    fault = attr(space=5)
    assert fault.should_fail(8)
    assert fault.space == 5


def test_interval_5_fails_every_fifth_eligible_call() -> None:
    assert run(attr(interval=5), 16) == [5, 10, 15]


def test_interval_count_is_never_reset_and_not_touched_at_interval_1() -> None:
    fault = attr(interval=1)
    run(fault, 7)
    assert fault.count == 0
    fault.interval = 3
    run(fault, 4)
    assert fault.count == 4


def test_times_2_closes_the_gate_after_two_failures() -> None:
    fault = attr(times=2)
    assert run(fault, 9) == [1, 2]
    assert fault.times == 0
    assert "times 1" in fault.message()[1]


def test_roll_below_probability_fails() -> None:
    rolls = iter([29, 30, 0, 99])
    fault = attr(probability=30, roll=lambda: next(rolls))
    assert run(fault, 4) == [1, 3]


def test_probability_0_shortcut_leaves_space_and_count_alone() -> None:
    fault = attr(probability=0, space=10, interval=2)
    assert run(fault, 20) == []
    assert (fault.space, fault.count) == (10, 0)


def test_2_6_25_has_no_shortcut() -> None:
    fault = attr("2.6.25", probability=0, space=3, interval=2)
    assert run(fault, 6) == []
    assert (fault.space, fault.count) == (1, 4)


@pytest.mark.parametrize(("era", "space_left"), [("3.13", 1), ("4.19", 1), ("6.12", 3)])
def test_a_rejected_stack_consumes_space_only_in_older_eras(era: str, space_left: int) -> None:
    fault = attr(era, space=3, stack_filter=StackFilter(require="ext4_*"))
    assert run(fault, 5, frames=("alloc_skb", "tcp_sendmsg")) == []
    assert fault.space == space_left


def test_task_filter_needs_a_marked_task_in_task_context() -> None:
    fault = attr(task_filter=True)
    assert run(fault, 1, marked=False) == []
    assert run(fault, 1, in_task=False) == []
    assert run(fault, 1) == [1]


def test_fail_nth_overrides_everything_and_disarms() -> None:
    fault, nth = attr(probability=0, space=100), FailNth(3)
    assert run(fault, 6, nth=nth) == [3]
    assert (nth.left, fault.space) == (0, 100)


def test_fail_nth_above_the_calls_reads_back_what_is_left() -> None:
    nth = FailNth(9)
    assert run(attr(probability=0), 6, nth=nth) == []
    assert nth.left == 3


@pytest.mark.parametrize(("era", "left"), [("4.19", 1), ("6.12", 4)])
def test_rejected_stack_counts_toward_fail_nth_in_4_19_only(era: str, left: int) -> None:
    fault, nth = attr(era, stack_filter=StackFilter(reject="tcp_*")), FailNth(4)
    run(fault, 3, frames=("tcp_sendmsg",), nth=nth)
    assert nth.left == left


def test_interrupts_do_not_count_toward_fail_nth() -> None:
    nth = FailNth(2)
    run(attr(probability=0), 5, nth=nth, in_task=False)
    assert nth.left == 2


def test_message_by_era() -> None:
    fault = attr(interval=2, space=0)
    assert run(fault, 2) == [2]
    assert fault.message() == (
        "FAULT_INJECTION: forcing a failure.",
        "name fail_page_alloc, interval 2, probability 100, space 0, times -1",
    )
    assert attr("3.13").message() == ("FAULT_INJECTION: forcing a failure",)


def test_stack_filter_depth_0_accepts_and_reject_wins() -> None:
    frames = ("a", "b", "c")
    assert StackFilter(require="z", depth=0).accepts(frames)
    assert not StackFilter(require="a", reject="b").accepts(frames)
    assert StackFilter(require="a", reject="b", depth=1).accepts(frames)
    assert not StackFilter(require="z").accepts(frames)

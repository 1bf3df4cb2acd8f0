"""Policies: what is printed, what is kept back, what the books say."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.gfp import composite
from buddysim.kernel.gfp_table import Gfp
from buddysim.kernel.profile import profile_of
from buddysim.mm.failure import ZoneTry
from buddysim.warn.failed import FailedAllocation
from buddysim.warn.gentle import PERSISTENT
from buddysim.warn.policy import POLICIES, Fate, Warner
from buddysim.warn.report_input import ReportInput

MS = 1_000_000
ATOMIC = composite("GFP_ATOMIC", "6.12")
KERNEL = composite("GFP_KERNEL", "6.12")


def failure(time_ms: int = 0, **settings: object) -> FailedAllocation:
    values = {
        "order": 2,
        "gfp": ATOMIC,
        "caller": "e1000_rx",
        "comm": "swapper/0",
        "cause": "below-watermark",
        "time_ns": time_ms * MS,
        "context": 8,
        **settings,
    }
    return FailedAllocation(**values)


def view() -> ReportInput:
    return ReportInput(order=2, gfp=ATOMIC, comm="swapper/0")


def never() -> ReportInput:
    raise AssertionError("the view was not needed")


def warner(policy: str, era: str = "6.12", **settings: object) -> Warner:
    return Warner(policy, profile_of(era), **settings)


def fates(policy: Warner, times_ms: list[int], **settings: object) -> list[Fate]:
    return [policy.failed(failure(each, **settings), view) for each in times_ms]


def test_kernel_prints_one_in_ten_seconds_and_announces_the_rest() -> None:
    kernel = warner("kernel")
    assert fates(kernel, [0, 1000, 9000, 10_100]) == [
        "printed", "suppressed", "suppressed", "printed",
    ]  # fmt: skip
    assert kernel.totals.emitted == 2
    assert kernel.totals.suppressed_by_ratelimit == 2
    heads = [line for line in kernel.totals.lines if "failure" in line or "suppressed" in line]
    assert heads == [
        "swapper/0: page allocation failure: order:2, mode:0x820(GFP_ATOMIC), nodemask=(null)",
        "warn_alloc: 2 callbacks suppressed",
        "swapper/0: page allocation failure: order:2, mode:0x820(GFP_ATOMIC), nodemask=(null)",
    ]


def test_nowarn_comes_first_and_uses_no_budget() -> None:
    kernel = warner("kernel")
    assert kernel.failed(failure(gfp=ATOMIC | Gfp.NOWARN), never) == "nowarn"
    assert fates(kernel, [1]) == ["printed"]
    assert kernel.totals.suppressed_by_nowarn == 1


def test_one_callers_warning_hides_anothers() -> None:
    kernel = warner("kernel")
    fates(kernel, [0], caller="hog")
    fates(kernel, [1], caller="victim")
    assert kernel.counters.per_caller(lambda row: row.printed) == {"hog": 1}
    assert kernel.counters.per_caller(lambda row: row.suppressed) == {"victim": 1}


def test_injected_failures_never_print_a_report() -> None:
    kernel = warner("kernel")
    assert kernel.failed(failure(injected=True, cause="injected"), never) == "none"
    assert kernel.totals.emitted == 0
    assert fates(kernel, [1]) == ["printed"]


@pytest.mark.parametrize(
    ("policy", "lines"), [("kernel", 1), ("gentle", 1), ("counters", 0), ("silent", 0)]
)
def test_the_injectors_own_message(policy: str, lines: int) -> None:
    told = warner(policy)
    told.injection(("FAULT_INJECTION: forcing a failure.",))
    assert len(told.totals.lines) == lines
    assert told.totals.emitted == 0


@pytest.mark.parametrize(("policy", "rows"), [("kernel", 1), ("counters", 1), ("silent", 0)])
def test_nowarn_is_counted_but_silent_keeps_no_rows(policy: str, rows: int) -> None:
    told = warner(policy)
    assert told.failed(failure(gfp=ATOMIC | Gfp.NOWARN), never) == "nowarn"
    assert [row.nowarn for row in told.counters.rows()] == [1] * rows
    assert told.totals.suppressed_by_nowarn == 1


def test_impossible_order_warns_once_and_uses_no_budget() -> None:
    kernel = warner("kernel")
    assert fates(kernel, [0, 1], order=11, cause="impossible-order") == ["printed", "none"]
    assert kernel.totals.lines[0].startswith("WARNING: CPU: 0 PID: 0 at mm/page_alloc.c")
    assert fates(kernel, [2]) == ["printed"]


def test_dma_without_dma_memory_is_quiet_but_uses_the_budget() -> None:
    kernel = warner("kernel", has_dma=False)
    assert fates(kernel, [0], gfp=ATOMIC | Gfp.DMA) == ["none"]
    assert fates(kernel, [1]) == ["suppressed"]


def test_4_19_prints_a_second_report_in_a_second_without_its_dump() -> None:
    kernel = warner("kernel", "4.19")
    assert fates(kernel, [0, 1, 2, 1100]) == ["printed"] * 4
    assert sum(line == "Mem-Info:" for line in kernel.totals.lines) == 2


def test_2_6_25_says_messages_suppressed() -> None:
    kernel = warner("kernel", "2.6.25")
    got = fates(kernel, [*range(12), 6000])
    assert got == ["printed"] * 10 + ["suppressed"] * 2 + ["printed"]
    assert "printk: 2 messages suppressed." in kernel.totals.lines


@pytest.mark.parametrize("policy", ["counters", "silent"])
def test_counters_and_silent_never_ask_for_the_view(policy: str) -> None:
    quiet = warner(policy)
    assert quiet.failed(failure(), never) == "none"
    assert quiet.totals.lines == []


def test_counters_are_queryable_by_any_field() -> None:
    books = warner("counters")
    fates(books, [0, 1, 2])
    fates(books, [3], order=0, cause="exhausted")
    fates(books, [4], caller="tcp", gfp=KERNEL)
    assert books.counters.by("caller") == {("e1000_rx",): 4, ("tcp",): 1}
    assert books.counters.by("order", "cause") == {
        (0, "exhausted"): 1,
        (2, "below-watermark"): 4,
    }
    first = books.counters.rows()[0]
    assert (first.caller, first.failed, first.first_ns, first.last_ns) == (
        "e1000_rx", 3, 0, 2 * MS,
    )  # fmt: skip
    with pytest.raises(AttributeError):
        books.counters.by("colour")


def test_gentle_says_once_that_it_is_only_a_warning() -> None:
    gentle = warner("gentle")
    assert fates(gentle, [0, 1, 2]) == ["printed", "suppressed", "suppressed"]
    assert gentle.totals.lines == [
        "e1000_rx: no memory for an order-2 request (GFP_ATOMIC): below-watermark. "
        "It is only a warning: callers are expected to cope."
    ]


def test_gentle_advises_with_numbers_once_failures_persist() -> None:
    zone = ZoneTry("Normal", 0, 90, 120, 0, 3, 34, 5, "below-watermark")
    gentle = warner("gentle", min_free_kbytes=4096)
    fates(gentle, list(range(PERSISTENT)), zones=(zone,))
    assert gentle.totals.lines[1:] == [
        "e1000_rx: 10 order-2 requests in a row failed (below-watermark), first 0.009 s ago: "
        "this persists.",
        "  try: vm.min_free_kbytes=4480 (now 4096): Normal had 90 pages free, 34 short",
    ]


def test_gentle_advises_again_when_the_streak_has_doubled() -> None:
    gentle = warner("gentle")
    got = fates(gentle, list(range(45)))
    assert [n for n, fate in enumerate(got, 1) if fate == "printed"] == [1, 10, 20, 40]


def test_a_pause_ends_a_streak() -> None:
    gentle = warner("gentle")
    got = fates(gentle, [*range(9), 20_000])
    assert got[-1] == "printed"
    assert "only a warning" in gentle.totals.lines[-1]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("fragmented", "instead of 4 adjacent pages"),
        ("wrong-migratetype", "of a type this request may not take"),
        ("reserved", "kept for others"),
        ("zone-restricted", "wider DMA mask"),
        ("exhausted", "tuning does not help"),
        ("impossible-order", "no machine can give order 2"),
    ],
)
def test_gentle_has_advice_for_every_cause(cause: str, words: str) -> None:
    gentle = warner("gentle")
    fates(gentle, list(range(PERSISTENT)), cause=cause)
    assert words in gentle.totals.lines[-1]


def test_gentle_tells_a_needless_atomic_caller_to_sleep() -> None:
    zone = ZoneTry("Normal", 0, 90, 120, 0, 3, 34, 5, "below-watermark")
    gentle = warner("gentle")
    fates(gentle, list(range(PERSISTENT)), context=0, zones=(zone,))
    assert "GFP_KERNEL here" in gentle.totals.lines[-1]


def test_lines_are_bounded_and_the_rest_counted() -> None:
    kernel = warner("kernel", max_lines=5)
    fates(kernel, [0])
    assert len(kernel.totals.lines) == 5
    assert kernel.totals.lines_dropped > 0


def test_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match="counters, gentle, kernel, silent"):
        warner("loud")
    assert POLICIES == ("counters", "gentle", "kernel", "silent")

"""The plan: specifications together, their streams, messages and positions."""

from __future__ import annotations

from collections.abc import Callable

from buddysim.fault.plan import FaultPlan
from buddysim.kernel.context import Context
from buddysim.kernel.gfp import composite
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.prng import Stream

ATOMIC = composite("GFP_ATOMIC", "6.12")
KERNEL = composite("GFP_KERNEL", "6.12")


def streams(seed: int = 0) -> Callable[[str], Callable[[], int]]:
    def stream(name: str) -> Callable[[], int]:
        source = Stream(seed, name)
        return lambda: source.below(100)

    return stream


def plan(*specs: str, seed: int = 0, era: str = "6.12") -> FaultPlan:
    return FaultPlan(specs, streams(seed), era=era)


def failing(
    faults: FaultPlan, calls: int, caller: str = "f", gfp: int = ATOMIC, order: int = 0
) -> list[int]:
    return [n for n in range(calls) if faults.should_fail(order, gfp, caller, "sh", 0) is not None]


def test_no_specification_is_false_and_injects_nothing() -> None:
    assert not plan()
    assert failing(plan(), 100) == []


def test_probability_is_a_rate_and_the_seed_decides_where() -> None:
    spec = "fail_page_alloc:probability=5,min-order=0,ignore-gfp-wait=N"
    hits = failing(plan(spec, seed=7), 4000)
    assert 150 < len(hits) < 250
    assert hits == failing(plan(spec, seed=7), 4000)
    assert hits != failing(plan(spec, seed=8), 4000)


def test_two_specifications_have_streams_of_their_own() -> None:
    spec = "fail_page_alloc:probability=20,min-order=0"
    alone = failing(plan(spec), 200)
    beside = failing(plan(spec, "failslab:probability=50"), 200)
    assert alone == beside


def test_exempt_requests_are_counted() -> None:
    faults = plan("fail_page_alloc:probability=100")
    assert failing(faults, 10, gfp=KERNEL, order=2) == []
    assert faults.exempt == 10


def test_caller_nth_counts_that_callers_requests_only() -> None:
    faults = plan("caller=e1000_*,nth=2")
    assert failing(faults, 3, caller="tcp_sendmsg") == []
    assert failing(faults, 5, caller="e1000_rx") == [1]
    assert failing(faults, 5, caller="e1000_tx") == []


def test_caller_from_is_persistent() -> None:
    assert failing(plan("caller=f,from=3"), 6) == [2, 3, 4, 5]


def test_nth_skips_nofail_but_caller_nth_counts_it() -> None:
    masks = [KERNEL | Gfp.NOFAIL, KERNEL, KERNEL]

    def hits(spec: str) -> list[int]:
        faults = plan(spec)
        return [
            n for n, gfp in enumerate(masks) if faults.should_fail(0, gfp, "f", "sh", 0) is not None
        ]

    assert hits("nth:1") == [1]
    assert hits("caller=f,nth=2") == [1]
    assert hits("caller=f,nth=1") == []


def test_event_fails_that_event_whatever_came_before() -> None:
    faults = plan("event:41")
    assert faults.should_fail(0, KERNEL, "f", "sh", 0, event=40) is None
    decision = faults.should_fail(0, KERNEL, "f", "sh", 0, event=41)
    assert decision is not None
    assert decision.spec.kind == "event"


def test_failslab_asks_only_slab_requests_and_pages_only_pages() -> None:
    faults = plan("failslab:probability=100", "fail_page_alloc:probability=0")
    assert faults.should_fail(0, ATOMIC, "f", "sh", 0) is None
    assert faults.should_fail(0, ATOMIC, "f", "sh", 0, size_bytes=64) is not None


def test_task_glob_marks_tasks_and_never_interrupts() -> None:
    faults = plan("fail_page_alloc:probability=100,min-order=0,task=fsx*")
    assert faults.should_fail(0, ATOMIC, "f", "bash", 0) is None
    assert faults.should_fail(0, ATOMIC, "f", "fsx-1", int(Context.SOFTIRQ)) is None
    assert faults.should_fail(0, ATOMIC, "f", "fsx-1", 0) is not None


def test_require_looks_at_the_stack_and_at_the_caller_without_one() -> None:
    faults = plan("fail_page_alloc:probability=100,min-order=0,require=ext4_*")
    assert faults.should_fail(0, ATOMIC, "f", "sh", 0) is None
    assert faults.should_fail(0, ATOMIC, "ext4_read", "sh", 0) is not None
    assert faults.should_fail(0, ATOMIC, "f", "sh", 0, frames=("f", "ext4_x")) is not None


def test_nowarn_is_silent_since_5_19_only() -> None:
    spec = "fail_page_alloc:probability=100,min-order=0"
    loud = plan(spec).should_fail(0, ATOMIC, "f", "sh", 0)
    quiet = plan(spec).should_fail(0, ATOMIC | Gfp.NOWARN, "f", "sh", 0)
    older = plan(spec, era="4.19").should_fail(0, ATOMIC | Gfp.NOWARN, "f", "sh", 0)
    assert loud is not None
    assert len(loud.message) == 2
    assert quiet is not None
    assert quiet.message == ()
    assert older is not None
    assert older.message


def test_verbose_2_shows_the_stack_where_it_is_known() -> None:
    spec = "fail_page_alloc:probability=100,min-order=0,verbose=2"
    known = plan(spec).should_fail(0, ATOMIC, "f", "sh", 0, frames=("f", "g"))
    unknown = plan(spec).should_fail(0, ATOMIC, "f", "sh", 0)
    assert known is not None
    assert known.message[2:] == ("Call Trace:", " f", " g")
    assert unknown is not None
    assert len(unknown.message) == 2


def test_message_limiter_keeps_back_and_announces() -> None:
    class Limiter:
        def __init__(self) -> None:
            self.answers = [(True, 0), (False, 0), (True, 1)]

        def ask(self, now: int) -> tuple[bool, int]:
            return self.answers.pop(0)

    spec = "fail_page_alloc:probability=100,min-order=0,verbose_ratelimit_interval_ms=9"
    faults = FaultPlan([spec], streams(), limiter=lambda interval, burst: Limiter())
    texts = [faults.should_fail(0, ATOMIC, "f", "sh", 0) for _ in range(3)]
    lengths = [len(each.message) for each in texts if each is not None]
    assert lengths == [2, 0, 3]
    assert texts[2] is not None
    assert texts[2].message[0] == "fail_dump: 1 callbacks suppressed"

"""Could it have failed by itself?  One class per situation, numbers in the sentence."""

from __future__ import annotations

from buddysim.fault.plausibility import Plausibility, assess_plausibility
from buddysim.kernel.gfp import composite
from buddysim.mm.failure import ZoneTry

ATOMIC = composite("GFP_ATOMIC", "6.12")
KERNEL = composite("GFP_KERNEL", "6.12")


def zone(**settings: object) -> ZoneTry:
    values = {
        "name": "Normal",
        "node": 0,
        "free": 10_000,
        "mark": 100,
        "reserve": 0,
        "unusable": 0,
        "missing": 0,
        "suitable_blocks": 50,
        "verdict": "passes",
        **settings,
    }
    return ZoneTry(**values)


def test_order_0_gfp_kernel_is_practically_never_natural() -> None:
    note = assess_plausibility(0, KERNEL, [zone()])
    assert note.plausibility is Plausibility.NEVER
    assert "OOM killer" in note.sentence
    assert "10000 pages free" in note.sentence


def test_atomic_far_above_the_mark_is_unlikely() -> None:
    assert assess_plausibility(0, ATOMIC, [zone()]).plausibility is Plausibility.UNLIKELY


def test_atomic_near_the_mark() -> None:
    note = assess_plausibility(0, ATOMIC, [zone(free=150)])
    assert note.plausibility is Plausibility.NEAR
    assert "150 usable pages free, 101 needed" in note.sentence


def test_atomic_below_the_mark_would_have_failed_anyway() -> None:
    note = assess_plausibility(0, ATOMIC, [zone(free=90, missing=11, verdict="below-watermark")])
    assert note.plausibility is Plausibility.CERTAIN
    assert "11 pages short" in note.sentence


def test_fragmented_high_order_names_the_missing_block() -> None:
    note = assess_plausibility(3, ATOMIC, [zone(suitable_blocks=0, verdict="fragmented")])
    assert note.plausibility is Plausibility.CERTAIN
    assert "no usable block of order 3" in note.sentence


def test_last_block_of_its_order_is_near() -> None:
    assert assess_plausibility(3, ATOMIC, [zone(suitable_blocks=1)]).plausibility is (
        Plausibility.NEAR
    )


def test_costly_kernel_request_may_fail_once_reclaim_finds_nothing() -> None:
    short = zone(free=50, missing=60, verdict="below-watermark")
    assert assess_plausibility(5, KERNEL, [short]).plausibility is Plausibility.NEAR
    assert assess_plausibility(5, KERNEL, []).plausibility is Plausibility.UNLIKELY


def test_without_zones_nothing_is_made_up() -> None:
    note = assess_plausibility(0, KERNEL, [])
    assert note.plausibility is Plausibility.NEVER
    assert "pages free" not in note.sentence
    assert "not known" in assess_plausibility(0, ATOMIC, []).sentence


def test_zones_that_the_request_may_not_use_do_not_count() -> None:
    other = zone(name="DMA", free=1, verdict="not-allowed")
    assert assess_plausibility(0, ATOMIC, [other, zone()]).plausibility is Plausibility.UNLIKELY

"""Pairing frees with allocations, and naming what does not pair."""

from __future__ import annotations

import pytest

from buddysim.source.doctor import EFFECTS, Doctor
from buddysim.source.event import EventBatch, EventKind

A, F, B = EventKind.ALLOC, EventKind.FREE, EventKind.FREE_BATCHED

CASES = {
    "balanced": ([(A, 8, 3), (F, 8, 3)], {}, 0),
    "order-3 block freed as eight pages": (
        [(A, 8, 3), *((F, page, 0) for page in range(8, 16))],
        {"split_free": 1},
        0,
    ),
    "parts in any order": (
        [(A, 8, 3), (F, 12, 2), (F, 9, 0), (F, 8, 0), (F, 10, 1)],
        {"split_free": 1},
        0,
    ),
    "second half still live": ([(A, 8, 3), (F, 8, 2)], {"split_free": 1}, 1),
    "taken before tracing": ([(F, 5, 0), (F, 5, 0)], {"free_unknown": 2}, 0),
    "missed free": ([(A, 5, 0), (A, 5, 0)], {"alloc_live": 1}, 1),
    "missed free inside a larger block": ([(A, 9, 0), (A, 8, 2)], {"alloc_live": 1}, 1),
    "missed free of the block around": ([(A, 8, 2), (A, 9, 0)], {"alloc_live": 1}, 1),
    "freed larger than allocated": ([(A, 8, 0), (F, 8, 2)], {"order_mismatch": 1}, 0),
    "batched after its free": ([(A, 5, 0), (F, 5, 0), (B, 5, 0)], {"batched": 1}, 0),
    "batched without its free": ([(A, 8, 1), (B, 8, 0)], {"batched_only": 1}, 0),
    "failed allocation": ([(A, -1, 4)], {}, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_oddities_are_counted_by_name(case: str) -> None:
    rows, expected, live = CASES[case]
    batch = EventBatch()
    for kind, pfn, order in rows:
        batch.append(kind, time_ns=1, pfn=pfn, order=order)
    doctor = Doctor()
    doctor.observe(batch)
    assert {name: count for name, count in doctor.counts.items() if count} == expected
    assert doctor.live_blocks == live


def test_time_is_compared_within_a_cpu_only() -> None:
    batch = EventBatch()
    for cpu, time_ns in ((0, 10), (1, 5), (1, 6), (0, 9)):
        batch.append(EventKind.KSWAPD_SLEEP, time_ns=time_ns, cpu=cpu)
    doctor = Doctor()
    doctor.observe(batch)
    assert doctor.counts["time_backwards"] == 1


def test_every_count_has_its_effect_explained() -> None:
    assert list(Doctor().counts) == list(EFFECTS)

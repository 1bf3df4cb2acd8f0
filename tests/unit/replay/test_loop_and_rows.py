"""The inner loop does what row-by-row replay does, only faster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddysim.kernel.gfp import parse_names
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta

Row = tuple[int, int, int, int]
KERNEL = parse_names("GFP_KERNEL", "6.12")
USER = parse_names("GFP_HIGHUSER_MOVABLE", "6.12")
ATOMIC = parse_names("GFP_ATOMIC", "6.12")
SPEC = MachineSpec.from_mem(8 << 20, ncpus=2)
NEVER = ("caller=nobody,nth=1",)
"""A fault that no request meets: with it the engine carries out every row."""


@dataclass
class Recording:
    rows: list[Row]
    """(kind, pfn, order, cpu), 1 us apart."""
    meta: TraceMeta = field(default_factory=lambda: TraceMeta("x.txt", "ftrace", profile="6.12"))
    tables: Tables = field(default_factory=lambda: Tables(callers=["?", "worker"]))

    def batches(self) -> Iterator[EventBatch]:
        batch = EventBatch()
        for index, (kind, pfn, order, cpu) in enumerate(self.rows):
            gfp = (USER, KERNEL, ATOMIC)[(pfn >> 3) % 3]
            time_ns = index * 1000
            batch.append(kind, time_ns=time_ns, pfn=pfn, order=order, gfp=gfp, caller=1, cpu=cpu)
        yield batch


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Requests and frees among few pages, so that blocks meet, overlap and are allocated twice."""
    kinds = st.sampled_from([EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE])
    shapes = st.tuples(kinds, st.integers(0, 130), st.integers(0, 3), st.integers(0, 1))
    return [
        (int(kind), 1400 + (place >> order << order), order, cpu)
        for kind, place, order, cpu in draw(st.lists(shapes, max_size=120))
    ]


@pytest.mark.parametrize("placement", ["model", "recorded"])
@settings(max_examples=150, deadline=None)
@given(rows())
def test_the_loop_gives_the_outcome_of_single_rows(placement: str, found: list[Row]) -> None:
    config = ReplayConfig(machine_spec=SPEC, placement=placement)
    fast = replay(Recording(found), config)
    slow = replay(Recording(found), replace(config, faults=NEVER))
    assert fast.digest == slow.digest
    assert fast.totals == slow.totals
    assert fast.zones == slow.zones
    assert _but_pieces(fast.reconciled) == _but_pieces(slow.reconciled)
    assert [each.live_pages for each in fast.callers] == [each.live_pages for each in slow.callers]


@settings(max_examples=100, deadline=None)
@given(st.integers(190, 256), st.sampled_from(["3.13", "4.19", "6.1", "6.12"]), st.data())
def test_the_loop_tries_again_at_the_min_mark_as_single_rows_do(
    blocks: int, era: str, data: st.DataObject
) -> None:
    """The machine is filled with order-3 blocks first, so that the marks decide."""
    spec = MachineSpec.from_mem(8 << 20, ncpus=2, profile=era)
    fill = [(int(EventKind.ALLOC), 4096 + 8 * block, 3, 0) for block in range(blocks)]
    single = st.builds(
        lambda kind, page, cpu: (int(kind), page, 0, cpu),
        st.sampled_from([EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE]),
        st.integers(800, 800 + 600),
        st.integers(0, 1),
    )
    found = fill + data.draw(st.lists(single, min_size=100, max_size=500))
    config = ReplayConfig(machine_spec=spec)
    fast = replay(Recording(found), config)
    slow = replay(Recording(found), replace(config, faults=NEVER))
    assert fast.digest == slow.digest
    assert fast.totals == slow.totals
    assert fast.vmstat == slow.vmstat
    assert [each.nth_of_caller for each in fast.failures] == [
        each.nth_of_caller for each in slow.failures
    ]
    assert [each.reserve_pages for each in fast.callers] == [
        each.reserve_pages for each in slow.callers
    ]


def _but_pieces(reconciled: dict[str, int]) -> dict[str, int]:
    """Without the count of blocks that came back in parts: the loop does not look for those."""
    return {name: count for name, count in reconciled.items() if name != "split_free"}


def test_pages_that_are_not_free_are_told_of_in_recorded_placement() -> None:
    alloc = int(EventKind.ALLOC)
    found = [(alloc, 1408, 0, 0), (alloc, 1408, 3, 0), (alloc, 1416, 3, 0), (alloc, 1417, 0, 0)]
    run = replay(Recording(found), ReplayConfig(machine_spec=SPEC, placement="recorded"))
    assert run.reconciled == {"alloc_live": 1, "taken_in_use": 1}

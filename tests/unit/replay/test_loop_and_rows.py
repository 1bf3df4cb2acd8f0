"""The inner loop does what row-by-row replay does, only faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddysim.kernel.gfp import Gfp, parse_names
from buddysim.mm.spec import MachineSpec, Sysctl
from buddysim.mm.validate import validate_machine
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import (
    Rows,
    play_rows,
    prepare_batch,
    replay,
    rows_of,
    run_of,
    vmstat_of,
    zone_facts,
)
from buddysim.replay.run import Run
from buddysim.source.event import EventBatch, EventKind, Tables, TraceMeta

Row = tuple[int, int, int, int]
KERNEL = parse_names("GFP_KERNEL", "6.12")
USER = parse_names("GFP_HIGHUSER_MOVABLE", "6.12")
ATOMIC = parse_names("GFP_ATOMIC", "6.12")
READAHEAD = parse_names("GFP_HIGHUSER_MOVABLE|__GFP_NORETRY|__GFP_NOWARN", "6.12") & ~int(Gfp.FS)
MASKS = (USER, KERNEL, ATOMIC)
SPEC = MachineSpec.from_mem(8 << 20, ncpus=2)
NEVER = ("caller=nobody,nth=1",)
"""A fault that no request meets: with it the engine carries out every row."""
FALLS_BACK = '[[caller]]\nglob = "worker"\non_failure = "fallback:0"\n'


@dataclass
class Recording:
    rows: list[Row]
    """(kind, pfn, order, cpu), 1 us apart."""
    meta: TraceMeta = field(default_factory=lambda: TraceMeta("x.txt", "ftrace", profile="6.12"))
    tables: Tables = field(default_factory=lambda: Tables(callers=["?", "worker"]))
    masks: tuple[int, ...] = MASKS

    def batches(self) -> Iterator[EventBatch]:
        batch = EventBatch()
        for index, (kind, pfn, order, cpu) in enumerate(self.rows):
            gfp = self.masks[(pfn >> 3) % len(self.masks)]
            time_ns = index * 1000
            batch.append(kind, time_ns=time_ns, pfn=pfn, order=order, gfp=gfp, caller=1, cpu=cpu)
        yield batch


@dataclass
class Rare:
    """Rows that leave the inner loop, counted by kind."""

    rows: Rows
    left: Counter[int]

    @property
    def leave_ordinary(self) -> bool:
        return self.rows.leave_ordinary

    def row(self, batch: EventBatch, row: int) -> None:
        self.left[batch.kind[row]] += 1
        self.rows.row(batch, row)


@st.composite
def rows(draw: st.DrawFn, pages: int = 130) -> list[Row]:
    """Requests and frees among few pages, so that blocks meet, overlap and are allocated twice."""
    kinds = st.sampled_from([EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE])
    shapes = st.tuples(kinds, st.integers(0, pages), st.integers(0, 3), st.integers(0, 1))
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
def test_the_loop_tries_again_below_the_low_mark_as_single_rows_do(
    blocks: int, era: str, data: st.DataObject
) -> None:
    """The machine is filled with order-3 blocks first, so that the marks decide."""
    sysctl = Sysctl(
        min_free_kbytes=data.draw(st.sampled_from([None, 1024]), label="min_free_kbytes"),
        percpu_pagelist_high_fraction=data.draw(st.sampled_from([0, 8]), label="high_fraction"),
    )
    spec = MachineSpec.from_mem(8 << 20, ncpus=2, profile=era, sysctl=sysctl)
    fill = [(int(EventKind.ALLOC), 4096 + 8 * block, 3, 0) for block in range(blocks)]
    single = st.builds(
        lambda kind, page, cpu: (int(kind), page, 0, cpu),
        st.sampled_from([EventKind.ALLOC, EventKind.ALLOC, EventKind.FREE]),
        st.integers(800, 800 + 600),
        st.integers(0, 1),
    )
    found = fill + data.draw(st.lists(single, min_size=100, max_size=500))
    recording = Recording(found, masks=(*MASKS, READAHEAD, READAHEAD))
    config = ReplayConfig(machine_spec=spec)
    fast = replay(recording, config)
    slow = replay(recording, replace(config, faults=NEVER))
    assert fast.digest == slow.digest
    assert fast.totals == slow.totals
    assert fast.zones == slow.zones
    assert fast.vmstat == slow.vmstat
    assert _but_pieces(fast.reconciled) == _but_pieces(slow.reconciled)
    assert [each.nth_of_caller for each in fast.failures] == [
        each.nth_of_caller for each in slow.failures
    ]
    assert [each.reserve_pages for each in fast.callers] == [
        each.reserve_pages for each in slow.callers
    ]
    assert [each.shapes for each in fast.callers] == [each.shapes for each in slow.callers]


@pytest.mark.parametrize("given_back", [0, 70, 200])
@pytest.mark.parametrize("era", ["4.4", "4.19", "6.1", "6.12"])
def test_the_loop_waits_for_memory_itself(era: str, given_back: int) -> None:
    """Below the marks, with little or enough on per-cpu lists: a help or, drained, even plenty."""
    alloc, free = int(EventKind.ALLOC), int(EventKind.FREE)
    sysctl = Sysctl(min_free_kbytes=512, percpu_pagelist_high_fraction=8)
    spec = MachineSpec.from_mem(8 << 20, ncpus=2, profile=era, sysctl=sysctl)
    config = ReplayConfig(machine_spec=spec)
    pages = range(1 << 16, (1 << 16) + 1960)
    found = [(alloc, page, 0, 0) for page in pages]
    found += [(free, page, 0, page & 1) for page in pages[:given_back]]
    found += [(alloc, page, 0, page & 1) for page in pages[: given_back + 8]]
    for rows_done in range(len(found) - 40, len(found), 13):
        recording = Recording(found[:rows_done], masks=(USER, READAHEAD))
        slow = replay(recording, replace(config, faults=NEVER))
        left = Counter[int]()
        fast = _played(found[:rows_done], config, (USER, READAHEAD), left)
        waited = fast.result.reconciled["waited_for_memory"]
        assert waited == slow.reconciled["waited_for_memory"]
        assert [zone_facts(zone) for zone in fast.machine.zones] == slow.zones
        assert vmstat_of(fast.machine) == slow.vmstat
        assert left[alloc] < waited


def _but_pieces(reconciled: dict[str, int]) -> dict[str, int]:
    """Without the count of blocks that came back in parts: the loop does not look for those."""
    return {name: count for name, count in reconciled.items() if name != "split_free"}


def test_pages_that_are_not_free_are_told_of_in_recorded_placement() -> None:
    alloc = int(EventKind.ALLOC)
    found = [(alloc, 1408, 0, 0), (alloc, 1408, 3, 0), (alloc, 1416, 3, 0), (alloc, 1417, 0, 0)]
    run = replay(Recording(found), ReplayConfig(machine_spec=SPEC, placement="recorded"))
    assert run.reconciled == {"alloc_live": 2, "taken_in_use": 1}


def _played(
    found: list[Row],
    config: ReplayConfig,
    masks: tuple[int, ...] = MASKS,
    left: Counter[int] | None = None,
) -> Run:
    """A run after its last row, books open; ``left`` counts rows that left the loop, by kind."""
    recording = Recording(found, masks=masks)
    run = run_of(recording, config)
    rare = Rare(rows_of(run, recording), Counter() if left is None else left)
    for batch in recording.batches():
        prepare_batch(run, recording.meta, batch)
        play_rows(run, rare, batch, 0, len(batch))
    return run


@pytest.fixture(scope="module")
def falls_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("callers") / "callers.toml"
    file.write_text(FALLS_BACK)
    return file


@pytest.mark.parametrize("faults", [(), ("fail_page_alloc:probability=30,min-order=0",)])
@settings(max_examples=150, deadline=None)
@given(found=rows(pages=16))
def test_no_page_is_freed_twice(
    faults: tuple[str, ...], falls_back: Path, found: list[Row]
) -> None:
    """Blocks that overlap, and those a caller falls back to, which the recording then allocates."""
    config = ReplayConfig(
        machine_spec=SPEC, placement="recorded", faults=faults, callers_file=str(falls_back)
    )
    validate_machine(_played(found, config).machine)


def test_a_page_of_a_live_block_is_allocated_once_more() -> None:
    """Its free was missed: the recording's latest word counts."""
    alloc, free = int(EventKind.ALLOC), int(EventKind.FREE)
    config = ReplayConfig(machine_spec=SPEC, placement="recorded")
    run = _played([(alloc, 1408, 3, 0), (alloc, 1409, 0, 0)], config)
    assert [key for key, _ in run.ledger.live.items()] == [1409]
    assert run.loop.alloc_live == 1
    run = _played([(alloc, 1408, 3, 0), (alloc, 1409, 0, 0), (free, 1408, 3, 0)], config)
    validate_machine(run.machine)

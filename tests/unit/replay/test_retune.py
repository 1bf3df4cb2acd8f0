"""Sysctls on machines whose start state was recorded: computed anew, the rest as recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.replay.config import ReplayConfig
from buddysim.replay.start import machine_spec_for
from buddysim.source.open import open_trace

TRACES = Path(__file__).resolve().parents[3] / "traces"
EXACT = TRACES / "oom-6.12" / "trace.txt.zst"
COUNTED = TRACES / "tcp-stack-6.12" / "trace.txt.zst"


def start(trace: Path, *sysctl: str) -> MachineSpec:
    """The machine a replay of this trace begins with."""
    return machine_spec_for(open_trace(str(trace)), ReplayConfig(sysctl=sysctl))


def marks(spec: MachineSpec) -> list[tuple[int, int, int]]:
    """min, low, high of every zone once built."""
    return [(zone.mark_min, zone.mark_low, zone.mark_high) for zone in build_machine(spec).zones]


@pytest.mark.parametrize("trace", [EXACT, COUNTED], ids=["lists", "counts"])
def test_min_free_kbytes_replaces_the_recorded_marks(trace: Path) -> None:
    recorded = marks(start(trace))
    raised = marks(start(trace, "vm.min_free_kbytes=40960"))
    assert raised != recorded
    # The zones up to Normal share it: 10,240 pages, less what rounding down takes from each.
    assert 10240 - len(raised) < sum(each[0] for each in raised) <= 10240
    assert all(low <= middle <= high for low, middle, high in raised)


@pytest.mark.parametrize("trace", [EXACT, COUNTED], ids=["lists", "counts"])
def test_the_scale_factor_moves_low_and_high_only(trace: Path) -> None:
    recorded = marks(start(trace))
    spread = marks(start(trace, "watermark_scale_factor=1000"))
    for before, after in zip(recorded, spread, strict=True):
        # min is shared out anew, so it may lose what rounding takes.
        assert abs(after[0] - before[0]) <= max(before[0] // 10, 8)
        assert after[1] - after[0] > before[1] - before[0]


def test_reserves_follow_their_ratio_and_marks_stay() -> None:
    recorded = start(COUNTED)
    wide = start(COUNTED, "lowmem_reserve_ratio=16,16,16,0,0")
    assert marks(wide) == marks(recorded)
    before = [tuple(zone.lowmem_reserve) for zone in build_machine(recorded).zones]
    after = [tuple(zone.lowmem_reserve) for zone in build_machine(wide).zones]
    assert after != before
    assert all(max(new) >= max(old) for new, old in zip(after, before, strict=True))


def test_list_sizes_follow_their_fraction_and_keep_their_pages() -> None:
    recorded = build_machine(start(EXACT))
    small = build_machine(start(EXACT, "percpu_pagelist_high_fraction=1000"))
    assert [list(zone.pcp_high) for zone in small.zones] != [
        list(zone.pcp_high) for zone in recorded.zones
    ]
    assert [list(zone.pcp_count) for zone in small.zones] == [
        list(zone.pcp_count) for zone in recorded.zones
    ]


def test_other_settings_leave_the_recorded_state_alone() -> None:
    assert start(EXACT, "watermark_boost_factor=0").zones == start(EXACT).zones

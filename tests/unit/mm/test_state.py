"""Loading a zone's recorded state."""

from __future__ import annotations

import pytest

from buddysim.mm.machine import MachineSpec, build_machine
from buddysim.mm.state import PcpState, ZoneState, load_zone

HIGH_MIN, HIGH_MAX = 40, 200


def _loaded_high(profile: str, high: int) -> int:
    zone = build_machine(MachineSpec.from_mem(16 << 20, profile=profile)).zones[-1]
    state = ZoneState(
        node=zone.node,
        name=zone.name,
        zone_index=zone.zone_index,
        start_pfn=zone.start_pfn,
        spanned=zone.spanned,
        present=zone.present,
        managed=zone.managed,
        free=0,
        mark_min=zone.mark_min,
        mark_low=zone.mark_low,
        mark_high=zone.mark_high,
        pcp=(PcpState(batch=7, high=high, high_min=HIGH_MIN, high_max=HIGH_MAX),),
    )
    load_zone(zone, state)
    return int(zone.pcp_high[0])


@pytest.mark.parametrize(
    ("high", "loaded"), [(0, HIGH_MIN), (39, HIGH_MIN), (100, 100), (201, HIGH_MAX)]
)
def test_a_moving_pcp_high_is_brought_into_its_range(high: int, loaded: int) -> None:
    assert _loaded_high("6.12", high) == loaded


@pytest.mark.parametrize("profile", ["4.19", "6.1"])
def test_a_fixed_pcp_high_has_no_range(profile: str) -> None:
    assert _loaded_high(profile, 201) == 201

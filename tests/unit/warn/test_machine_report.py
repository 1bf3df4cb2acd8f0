"""A report of a simulated machine agrees with the machine."""

from __future__ import annotations

import pytest

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import MachineSpec, Sysctl, build_machine
from buddysim.warn.failed import FailedAllocation
from buddysim.warn.failure_report import failure_report
from buddysim.warn.machine_report import report_input

ATOMIC = composite("GFP_ATOMIC", "6.12")


def failed(gfp: int = ATOMIC) -> FailedAllocation:
    return FailedAllocation(3, gfp, "f", "sh", "fragmented", 0, frames=("f+0x1/0x2",))


@pytest.mark.parametrize("era", ["2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12"])
def test_zone_lines_show_the_machines_numbers(era: str) -> None:
    spec = MachineSpec.from_mem(64 << 20, profile=era, sysctl=Sysctl(min_free_kbytes=512))
    machine = build_machine(spec)
    for _ in range(100):
        machine.alloc_pages(0, ATOMIC)
    text = failure_report(report_input(machine, failed()), machine.profile)
    for zone in machine.zones:
        if zone.managed:
            line = next(each for each in text if f" {zone.name} free:" in each)
            assert f"free:{zone.free * 4}kB " in line
            assert f" min:{zone.wmark(0) * 4}kB " in line
            lists = next(each for each in text if f" {zone.name}: " in each)
            assert lists.endswith(f"= {zone.true_free * 4}kB")


def test_zones_above_the_requests_own_are_left_out_in_6_12() -> None:
    machine = build_machine(MachineSpec.from_mem(96 << 20, profile="6.12"))
    text = failure_report(report_input(machine, failed(ATOMIC | 1)), machine.profile)
    assert any(" DMA free:" in line for line in text)
    assert not any("DMA32 free:" in line for line in text)


def test_reclaimable_pages_are_page_cache() -> None:
    machine = build_machine(MachineSpec.from_mem(64 << 20, profile="6.12"))
    machine.add_reclaimable(300, dirty_percent=50)
    view = report_input(machine, failed())
    assert view.counters["inactive_file"] == 300
    assert 100 < view.counters["dirty"] < 200
    assert view.totals["pagecache"] == 300

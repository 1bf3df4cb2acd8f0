"""The flood on a simulated machine: it hurts, it ends, and nothing is lost."""

from __future__ import annotations

import pytest

from buddysim.lesson.network.flood import Flood, FloodSpec
from buddysim.lesson.network.listener import CookieMode
from buddysim.mm.machine import Machine, MachineSpec, Sysctl, build_machine


def small_machine(era: str, free: int = 400) -> Machine:
    spec = MachineSpec.from_mem(16 << 20, profile=era, sysctl=Sysctl(min_free_kbytes=512))
    machine = build_machine(spec)
    machine.add_reclaimable(sum(zone.free for zone in machine.zones) - free)
    return machine


@pytest.mark.parametrize("era", ["2.6.25", "6.12"])
def test_every_page_comes_back(era: str) -> None:
    machine = small_machine(era)
    machine.drain_all_pages()
    before = sum(zone.free for zone in machine.zones)
    spec = FloodSpec(CookieMode.OFF, era=era, seconds=3.0, max_syn_backlog=1 << 16)
    result = Flood(spec, machine).run()
    machine.drain_all_pages()
    assert result.allocation_failures > 0
    assert sum(zone.free for zone in machine.zones) == before


def test_cookies_leave_the_reserve_alone() -> None:
    machine = small_machine("2.6.25")
    result = Flood(FloodSpec(CookieMode.COOKIES, seconds=2.0), machine).run()
    assert result.allocation_failures == 0
    assert result.served_percent > 95

"""Machines for tests of the memory manager; every option defaulted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from buddysim.mm.machine import Machine, MachineSpec, Sysctl, ZoneSpec, build_machine


@pytest.fixture
def small() -> Callable[..., Machine]:
    """A machine of one zone, Normal, of the wanted pages; pcp lists only where asked for."""

    def build(
        pages: int = 4096, *, profile: str = "6.12", min_free_kbytes: int = 128, cpus: int = 1
    ) -> Machine:
        spec = MachineSpec(
            zones=(ZoneSpec("Normal", 0, pages, present=pages, managed=pages),),
            profile=profile,
            ncpus=cpus,
            sysctl=Sysctl(min_free_kbytes=min_free_kbytes),
            has_dma32=False,
        )
        return build_machine(spec)

    return build

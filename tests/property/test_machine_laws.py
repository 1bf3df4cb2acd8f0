"""A state machine of random requests and frees: pages are conserved, invariants hold."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine, MachineSpec, Sysctl, ZoneSpec, build_machine
from buddysim.mm.validate import validate_machine

MASKS = ("GFP_KERNEL", "GFP_ATOMIC", "GFP_NOWAIT", "GFP_HIGHUSER_MOVABLE")
PROFILES = ("2.6.25", "2.6.32", "3.13", "4.4", "4.19", "6.1", "6.12")


class MachineLaws(RuleBasedStateMachine):
    """Live blocks never overlap, and free plus live plus cached is all there is."""

    machine: Machine
    held: list[tuple[int, int]]
    profile: str

    @initialize(profile=st.sampled_from(PROFILES), cpus=st.integers(1, 2))
    def build(self, profile: str, cpus: int) -> None:
        self.profile = profile
        self.held = []
        self.machine = build_machine(
            MachineSpec(
                zones=(
                    ZoneSpec("DMA32", 4096, 2048, present=2048, managed=2048),
                    ZoneSpec("Normal", 1 << 20, 3072, present=3072, managed=3000),
                ),
                profile=profile,
                ncpus=cpus,
                sysctl=Sysctl(min_free_kbytes=256),
            )
        )

    @rule(order=st.integers(0, 10), mask=st.sampled_from(MASKS), cpu=st.integers(0, 1))
    def allocate(self, order: int, mask: str, cpu: int) -> None:
        cpu %= self.machine.spec.ncpus
        pfn = self.machine.alloc_pages(order, composite(mask, self.profile), cpu=cpu)
        if pfn < 0:
            assert self.machine.last_failure is not None
            return
        assert pfn % (1 << order) == 0
        pages = set(range(pfn, pfn + (1 << order)))
        for other, size in self.held:
            assert pages.isdisjoint(range(other, other + (1 << size)))
        self.held.append((pfn, order))

    @rule(data=st.data(), cpu=st.integers(0, 1))
    def free(self, data: st.DataObject, cpu: int) -> None:
        if self.held:
            pfn, order = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            assert self.machine.free_pages(pfn, order, cpu % self.machine.spec.ncpus)

    @rule()
    def drain(self) -> None:
        self.machine.drain_all_pages()

    @invariant()
    def conserved(self) -> None:
        if hasattr(self, "machine"):
            live = sum(1 << order for _, order in self.held)
            zones = self.machine.zones
            cached = sum(zone.free_pcp for zone in zones)
            assert live + cached + sum(zone.true_free for zone in zones) == 5048

    def teardown(self) -> None:
        if hasattr(self, "machine"):
            validate_machine(self.machine)


TestMachineLaws = MachineLaws.TestCase
TestMachineLaws.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

"""Random operations on a ring against a model that is a dictionary and two lists."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from buddysim.kernel.context import Context
from buddysim.lesson.vring import RingLayout, UserMemory, UserRing, Vring
from buddysim.lesson.vring.ring import Buffer

NUM = 8
BASE = 0x4000
contexts = st.sampled_from([Context.PROCESS, Context.SOFTIRQ])


class RingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        layout = RingLayout(NUM)
        user = UserMemory()
        user.map(BASE, 4096)
        self.ring = Vring(layout, bytearray(layout.nr_bytes), user, pinned=False)
        self.process = UserRing(self.ring)
        self.chains: dict[int, tuple[Buffer, ...]] = {}
        self.waiting: list[int] = []
        self.taken: list[int] = []
        self.used: list[tuple[int, int]] = []

    @rule(sizes=st.lists(st.integers(1, 64), min_size=1, max_size=4), split=st.integers(0, 4))
    def add(self, sizes: list[int], split: int) -> None:
        buffers = tuple(
            Buffer(BASE + 64 * place, size, place >= split) for place, size in enumerate(sizes)
        )
        room = NUM - sum(len(chain) for chain in self.chains.values())
        head = self.process.add(buffers)
        assert (head is not None) == (len(buffers) <= room)
        if head is not None:
            assert head not in self.chains
            self.chains[head] = buffers
            self.waiting.append(head)

    @rule()
    def take(self) -> None:
        chain = self.ring.get_buffer()
        if not self.waiting:
            assert chain is None
            return
        head = self.waiting.pop(0)
        assert (chain.head, chain.buffers) == (head, self.chains[head])
        self.taken.append(head)

    @precondition(lambda self: self.taken)
    @rule(which=st.integers(0, 7), share=st.integers(0, 100), context=contexts)
    def give_back(self, which: int, share: int, context: Context) -> None:
        head = self.taken.pop(which % len(self.taken))
        room = sum(b.nr_bytes for b in self.chains[head] if b.is_writable)
        self.ring.used_buffer(head, room * share // 100, context)
        self.used.append((head, room * share // 100))

    @rule()
    def collect(self) -> None:
        assert self.process.collect() == self.used
        for head, _ in self.used:
            del self.chains[head]
        self.used.clear()

    @invariant()
    def no_descriptor_is_lost(self) -> None:
        held = sum(len(chain) for chain in self.chains.values())
        assert self.process.free_descriptors + held == NUM
        assert self.ring.in_flight == len(self.taken)
        assert self.ring.available == len(self.waiting)


RingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestRing = RingMachine.TestCase

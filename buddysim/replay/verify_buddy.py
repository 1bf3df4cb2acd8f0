"""Run one recorded script on the simulated machine and compare every result (``verify``).

The machine starts from the recording's first full snapshot; every later allocation's pfn, every
failure and every later snapshot must come out equal.  After a divergence the recorded pfn is
forced, so that one difference is reported once and the rest is still checked.
"""

from __future__ import annotations

from dataclasses import replace

from buddysim.mm.machine import Machine, MachineSpec, ZoneSpec, build_machine
from buddysim.mm.request import Request
from buddysim.mm.state import ZoneState, dump_free_lists, dump_pageblocks, dump_pcp
from buddysim.mm.zone import Zone
from buddysim.replay.verify_case import CaseResult, EndState
from buddysim.source.oracle import Op, OracleCase, Snapshot, Step

__all__ = ["check_buddy", "machine_from_snapshot"]

_HIGH_WORDS = ("count", "batch", "high", "high_min", "high_max", "alloc_factor", "free_count")


def machine_from_snapshot(snapshot: Snapshot, profile: str, *, x86: bool) -> Machine:
    """A machine in exactly the recorded state.  ``x86``: SMP drift, THP lists, DMA32 exist."""
    zones = tuple(
        ZoneSpec(
            name=state.name,
            start_pfn=state.start_pfn,
            spanned=state.spanned,
            node=state.node,
            present=state.present,
            managed=state.managed,
            cma_pages=state.cma_pages,
            state=state,
        )
        for state in snapshot.zones
    )
    spec = MachineSpec(
        zones=zones,
        profile=profile,
        ncpus=len(snapshot.zones[0].pcp),
        pageblock_order=snapshot.pageblock_order,
        thp=x86,
        smp_drift=x86,
        has_dma32=x86,
        origin="snapshot of the recording",
    )
    machine = build_machine(spec)
    machine.allocator.tracks_lru = False
    if snapshot.zonelists:
        by_name = {(zone.node, zone.name): zone for zone in machine.zones}
        for node, names in snapshot.zonelists.items():
            full = [by_name[name] for name in names if name in by_name]
            machine.allocator.zonelists[2 * node] = full
            machine.allocator.zonelists[2 * node + 1] = [z for z in full if z.node == node]
    return machine


class _Run:
    """One recording being replayed; the handlers follow the oracle's operations."""

    def __init__(self, case: OracleCase) -> None:
        self.case = case
        self.machine: Machine | None = None
        self.live: dict[int, tuple[int, int]] = {}
        self.fill_ids: list[int] = []
        self.fill_count = 0
        self.cpu = 0
        self.ops = 0
        self.checked = 0
        self.exact = 0
        self.outcome_exact = True
        self.first: dict[str, object] | None = None
        self.end = EndState()
        self.drift_known = not case.x86 or bool(case.meta.get("atomic"))
        """Interrupts were off: no timer folded the per-cpu drift meanwhile."""

    def diverge(self, line: int, what: str, expected: object, got: object) -> None:
        """Remember the first difference."""
        if self.first is None:
            self.first = {
                "line": line,
                "op": what,
                "expected": expected,
                "got": got,
                "operation": self.ops,
            }

    def settle(self, line: int, order: int, expected: int, got: int) -> int:
        """Compare one pfn; after a difference put the machine where the kernel was."""
        self.checked += 1
        if got == expected:
            self.exact += 1
            return got
        if (got < 0) != (expected < 0):
            self.outcome_exact = False
        self.diverge(line, f"alloc order {order}", expected, got)
        machine = self.machine
        assert machine is not None
        if got >= 0:
            machine.free_pages(got, order, self.cpu)
        if expected >= 0:
            machine.take_pages(expected, order)
        return expected

    def alloc(self, step: Step) -> None:
        _, line, ident, order, gfp, pfn, node, extra = step
        got = self.request(order, gfp, node, extra)
        self.ops += 1
        if got == pfn:
            self.checked += 1
            self.exact += 1
        else:
            got = self.settle(line, order, pfn, got)
        if got >= 0:
            self.live[ident] = (got, order)

    def request(self, order: int, gfp: int, node: int, extra: object) -> int:
        """Ask the machine; injected-looking contexts are passed on."""
        machine = self.machine
        assert machine is not None
        local = max(node, 0)
        pfn = machine.allocator.alloc_fast(order, gfp, self.cpu, local)
        if pfn >= 0:
            return pfn
        context = 8 if extra == "softirq" else 0
        request = Request(order, gfp, self.cpu, local, context)
        request.class_index = machine.allocator.class_index(gfp)
        request.migratetype = machine.allocator.migratetype_of(gfp)
        return machine.alloc_slow(request)

    def free(self, step: Step) -> None:
        held = self.live.pop(step[2], None)
        self.ops += 1
        if held is not None:
            assert self.machine is not None
            self.machine.allocator.free_pages(held[0], held[1], self.cpu)

    def split_free(self, step: Step) -> None:
        held = self.live.pop(step[2], None)
        self.ops += 1
        if held is None:
            return
        assert self.machine is not None
        for pfn in range(held[0], held[0] + (1 << held[1])):
            self.machine.allocator.free_pages(pfn, 0, self.cpu)

    def fill(self, step: Step) -> None:
        _, line, first, order, gfp, limit, got, pfns = step
        if first < 0:
            first = 1 << 40
        self.fill_ids = []
        taken = 0
        while taken < limit:
            expected = None if pfns is None else (pfns[taken] if taken < len(pfns) else -1)
            pfn = self.request(order, gfp, -1, None)
            self.ops += 1
            if expected is not None:
                pfn = self.settle(line, order, expected, pfn)
            if pfn < 0:
                break
            self.live[first + taken] = (pfn, order)
            self.fill_ids.append(first + taken)
            taken += 1
        if pfns is None:
            self.checked += 1
            if taken == got:
                self.exact += 1
            else:
                self.outcome_exact = False
                self.diverge(line, f"fill order {order}", got, taken)

    def bulk(self, step: Step) -> None:
        _, line, first, gfp, asked, pfns = step
        assert self.machine is not None
        got = self.machine.alloc_bulk(asked, gfp, cpu=self.cpu)
        self.ops += 1
        if len(got) != len(pfns):
            self.outcome_exact = False
        for offset, expected in enumerate(pfns):
            pfn = got[offset] if offset < len(got) else -1
            pfn = self.settle(line, 0, expected, pfn)
            self.live[first + offset] = (pfn, 0)

    def free_ids(self, idents: list[int]) -> None:
        for ident in idents:
            self.free((Op.FREE, 0, ident))

    def drain(self, step: Step) -> None:
        if self.machine is not None:
            self.machine.drain_all_pages(-1 if step[2] else self.cpu)

    def step(self, step: Step) -> None:
        op = step[0]
        if op == Op.ALLOC:
            self.alloc(step)
        elif op == Op.FREE:
            self.free(step)
        elif op == Op.SNAP:
            self.snapshot(step[1], step[2])
        elif op == Op.FILL:
            self.fill(step)
        elif op == Op.SPLIT_FREE:
            self.split_free(step)
        elif op == Op.BULK:
            self.bulk(step)
        elif op == Op.FREE_FILL:
            self.free_ids(self.fill_ids if step[2] is None else step[2])
        elif op == Op.FREE_MOD:
            self.free_ids([
                ident for index, ident in enumerate(self.fill_ids) if index % step[2] == step[3]
            ])
        elif op == Op.FREE_ALL:
            self.free_ids(sorted(self.live, reverse=step[2]))
        elif op == Op.DRAIN:
            self.drain(step)
        elif op == Op.CPU:
            self.cpu = step[2]

    def snapshot(self, line: int, snapshot: Snapshot) -> None:
        if self.machine is None:
            if snapshot.full:
                self.cpu = snapshot.cpu
                self.machine = machine_from_snapshot(
                    snapshot, self.case.kernel, x86=self.case.x86
                )
            return
        for zone, state, counts in zip(
            self.machine.zones, _ordered(snapshot), snapshot.nr_free, strict=True
        ):
            self.compare_zone(line, zone.name, _zone_facts(
                zone, state, counts, snapshot.full, self.drift_known
            ))

    def compare_zone(
        self, line: int, name: str, facts: list[tuple[str, str, object, object]]
    ) -> None:
        """Each fact: (end-state part, what, expected, got)."""
        for part, what, expected, got in facts:
            if expected != got:
                setattr(self.end, part, False)
                self.diverge(line, f"snapshot {name} {what}", expected, got)


def _ordered(snapshot: Snapshot) -> list[ZoneState]:
    return sorted(snapshot.zones, key=lambda state: (state.node, state.zone_index))


def _zone_facts(
    zone: Zone, state: ZoneState, counts: tuple[int, ...], full: bool, drift_known: bool
) -> list[tuple[str, str, object, object]]:
    facts: list[tuple[str, str, object, object]] = []
    if full:
        recorded = {(order, mt): pfns for order, mt, pfns in state.free_lists}
        facts.append(("free_lists", "free lists", recorded, dump_free_lists(zone)))
        facts.append((
            "pageblocks", "pageblocks", state.pageblocks, dump_pageblocks(zone, state.pageblocks)
        ))
    elif counts:
        facts.append(("free_lists", "nr_free", counts, tuple(zone.nr_free)))
    if drift_known:
        facts.append(("nr_free", "counted free", state.free, zone.free))
    facts.append(("nr_free", "free", state.free + sum(state.free_diff), zone.true_free))
    facts.append(("nr_free", "boost", state.boost, zone.boost))
    facts.append((
        "nr_free", "highatomic", state.nr_reserved_highatomic, zone.nr_reserved_highatomic
    ))
    for cpu, pcp in enumerate(state.pcp):
        if full:
            facts.append(("pcp", f"pcp lists of cpu {cpu}", dict(pcp.lists), dump_pcp(zone, cpu)))
        for word in _HIGH_WORDS:
            got = getattr(zone, f"pcp_{word}")[cpu]
            facts.append(("pcp", f"pcp {word} of cpu {cpu}", getattr(pcp, word), got))
    return facts


def check_buddy(case: OracleCase) -> CaseResult:
    """Replay a recording and compare.  Raises TraceError for a damaged one.  O(operations)."""
    run = _Run(case)
    for step in case.steps():
        if run.machine is None and step[0] not in {Op.SNAP, Op.DRAIN, Op.OTHER, Op.CPU}:
            raise case.bad(step[1], "an operation before any full snapshot", "snap first")
        run.step(step)
    return CaseResult(
        case=case.name,
        set=case.set,
        ops=run.ops,
        pfn_checked=run.checked,
        pfn_exact=run.exact,
        outcome_exact=run.outcome_exact,
        first_divergence=run.first,
        end_state=replace(run.end),
    )

"""Run one recorded script on the simulated machine and compare every result (``verify``).

The machine starts from the recording's first snapshot; every later allocation's pfn, every
failure and every later snapshot must come out equal.  After a divergence the recorded pfn is
forced, so that one difference is reported once and the rest is still checked.

Two things a recording may lack, both noted in the result.  A snapshot without lists tells how
many blocks there are, not where: then successes, counts and marks are compared, pfns are not.
After a sleep the kernel ran freely: nothing is compared until the next full snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from buddysim.kernel.context import Context
from buddysim.kernel.gfp import Gfp
from buddysim.mm.machine import Machine
from buddysim.mm.request import Request
from buddysim.mm.state import ZoneState, dump_free_lists, dump_pageblocks, dump_pcp
from buddysim.mm.zone import Zone
from buddysim.replay.snapshot import machine_from_snapshot, recorded_sysctl
from buddysim.replay.verify_case import CaseResult, EndState
from buddysim.source.oracle import Op, OracleCase, Snapshot, Step

__all__ = ["check_buddy"]

_PCP_WORDS = ("count", "batch", "high", "high_min", "high_max", "alloc_factor", "free_count")


class _Run:
    """One recording being replayed; the handlers follow the oracle's operations."""

    def __init__(self, case: OracleCase, tamper: Callable[[Machine], None] | None) -> None:
        self.case = case
        self.tamper = tamper
        self.machine: Machine | None = None
        self.live: dict[int, tuple[int, int]] = {}
        self.fill_ids: list[int] = []
        self.cpu = 0
        self.ops = 0
        self.checked = 0
        self.exact = 0
        self.outcome_exact = True
        self.first: dict[str, Any] | None = None
        self.end = EndState()
        self.notes: list[str] = []
        self.drift_known = not case.x86 or bool(case.meta.get("atomic"))
        """Interrupts were off: no timer folded the per-cpu drift meanwhile."""
        self.alone = self.drift_known or bool(case.meta.get("verified_conserved"))
        """Nothing else touched the allocator; else only what may not reclaim is predictable."""
        self.adrift = False
        self.lists_known = True
        """The start snapshot had the free lists, not only their lengths."""
        self.handlers: dict[Op, Callable[[Step], None]] = {
            Op.ALLOC: self.alloc,
            Op.FREE: self.free,
            Op.SNAP: self.snapshot,
            Op.FILL: self.fill,
            Op.FREE_FILL: self.free_fill,
            Op.FREE_ALL: self.free_all,
            Op.DRAIN: self.drain,
            Op.BULK: self.bulk,
            Op.SPLIT_FREE: self.split_free,
            Op.CPU: self.move,
            Op.FREE_MOD: self.free_mod,
            Op.OTHER: self.other,
        }

    # Verdicts.

    def diverge(self, line: int, what: str, expected: object, got: object) -> None:
        """Remember the first difference."""
        if self.first is None:
            self.first = {
                "line": line,
                "operation": self.ops,
                "op": what,
                "expected": expected,
                "got": got,
            }

    def compare_outcome(self, line: int, order: int, expected: int, got: int) -> None:
        """Success or failure only."""
        if (got < 0) != (expected < 0):
            self.outcome_exact = False
            self.diverge(line, f"alloc order {order}", expected, got)

    def settle(self, line: int, order: int, expected: int, got: int) -> int:
        """Compare one pfn; after a difference put the machine where the kernel was."""
        if not self.lists_known or not self.alone:
            self.compare_outcome(line, order, expected, got)
            return got
        self.checked += 1
        if got == expected:
            self.exact += 1
            return got
        self.compare_outcome(line, order, expected, got)
        self.diverge(line, f"alloc order {order}", expected, got)
        machine = self.machine
        assert machine is not None
        if got >= 0:
            machine.free_pages(got, order, self.cpu)
        if expected >= 0:
            machine.take_pages(expected, order)
        return expected

    def predictable(self, gfp: int) -> bool:
        """Beside a running system, what direct reclaim frees is not in the recording.

        After the first such request the state is unknown too.
        """
        self.adrift = self.adrift or (not self.alone and bool(gfp & int(Gfp.DIRECT_RECLAIM)))
        return not self.adrift

    # Operations.

    def request(self, order: int, gfp: int, node: int, extra: object) -> int:
        """Ask the machine for a block: pfn or -1."""
        machine = self.machine
        assert machine is not None
        pfn = machine.allocator.alloc_fast(order, gfp, self.cpu, max(node, 0))
        if pfn >= 0:
            return pfn
        context = int(Context.SOFTIRQ) if extra == "softirq" else 0
        request = Request(order, gfp, self.cpu, max(node, 0), context)
        request.class_index = machine.allocator.class_index(gfp)
        request.migratetype = machine.allocator.migratetype_of(gfp)
        return machine.alloc_slow(request)

    def alloc(self, step: Step) -> None:
        _, line, ident, order, gfp, pfn, node, extra = step
        self.ops += 1
        if self.machine is not None:
            got = self.request(order, gfp, node, extra)
            pfn = self.settle(line, order, pfn, got) if self.predictable(gfp) else got
        if pfn >= 0:
            self.live[ident] = (pfn, order)

    def give_back(self, pfn: int, order: int) -> None:
        if self.machine is not None:
            self.machine.allocator.free_pages(pfn, order, self.cpu)

    def free(self, step: Step) -> None:
        held = self.live.pop(step[2], None)
        self.ops += 1
        if held is not None:
            self.give_back(*held)

    def split_free(self, step: Step) -> None:
        held = self.live.pop(step[2], None)
        self.ops += 1
        if held is not None:
            for pfn in range(held[0], held[0] + (1 << held[1])):
                self.give_back(pfn, 0)

    def fill(self, step: Step) -> None:
        _, line, first, order, gfp, limit, got, pfns = step
        first = max(first, 0)
        self.fill_ids = []
        for ident in range(first, first + limit):
            pfn = -1
            if pfns is not None:
                pfn = pfns[ident - first] if ident - first < len(pfns) else -1
            if self.machine is not None:
                answer = self.request(order, gfp, -1, None)
                pfn = answer if pfns is None else self.settle(line, order, pfn, answer)
            self.ops += 1
            if pfn < 0:
                break
            self.live[ident] = (pfn, order)
            self.fill_ids.append(ident)
        if pfns is None and self.machine is not None and self.predictable(gfp):
            self.compare_fill(line, order, got)

    def compare_fill(self, line: int, order: int, got: int) -> None:
        """A quiet fill recorded only how many requests succeeded.

        From counts alone it is not determined to the page: which pageblocks are half free decides
        claims; 1 % is allowed then.
        """
        allowed = 0 if self.lists_known else max(got // 100, 2)
        if len(self.fill_ids) != got and allowed:
            self.notes.append(f"fill of line {line}: {got} recorded, {len(self.fill_ids)} here")
        if abs(len(self.fill_ids) - got) > allowed:
            self.outcome_exact = False
            self.diverge(line, f"fill order {order}", got, len(self.fill_ids))

    def bulk(self, step: Step) -> None:
        _, line, first, gfp, asked, pfns = step
        self.ops += 1
        got = pfns
        if self.machine is not None:
            got = self.machine.alloc_bulk(asked, gfp, cpu=self.cpu)
            if len(got) != len(pfns):
                self.outcome_exact = False
                self.diverge(line, "bulk", len(pfns), len(got))
        for offset, expected in enumerate(pfns):
            pfn = got[offset] if offset < len(got) else -1
            self.live[first + offset] = (self.settle(line, 0, expected, pfn), 0)

    def free_ids(self, idents: list[int]) -> None:
        for ident in idents:
            self.free((Op.FREE, 0, ident))

    def free_fill(self, step: Step) -> None:
        self.free_ids(self.fill_ids if step[2] is None else step[2])

    def free_mod(self, step: Step) -> None:
        _, _, modulus, remainder = step
        self.free_ids(
            [ident for index, ident in enumerate(self.fill_ids) if index % modulus == remainder]
        )

    def free_all(self, step: Step) -> None:
        self.free_ids(sorted(self.live, reverse=step[2]))

    def drain(self, step: Step) -> None:
        if self.machine is not None:
            self.machine.drain_all_pages(-1 if step[2] else self.cpu)

    def move(self, step: Step) -> None:
        self.cpu = step[2]

    def other(self, step: Step) -> None:
        """After a sleep the kernel's own work changed the state: wait for a full snapshot."""
        if step[2] == "sleep" and self.machine is not None:
            self.machine = None
            self.notes.append(f"the kernel ran freely from line {step[1]}: not compared")

    # Snapshots.

    def start(self, line: int, snapshot: Snapshot) -> None:
        """Begin (or begin again after a sleep) from a snapshot."""
        counted = any(zone.free_counts for zone in snapshot.zones)
        if not snapshot.full and (not counted or self.notes):
            return
        self.cpu = snapshot.cpu
        self.lists_known = snapshot.full
        if not snapshot.full:
            self.notes.append("snapshots hold counts, not lists: pfns not compared")
        self.machine = machine_from_snapshot(
            snapshot,
            self.case.kernel,
            x86=self.case.x86,
            sysctl=recorded_sysctl(self.case.meta),
        )
        if self.tamper is not None:
            self.tamper(self.machine)

    def snapshot(self, step: Step) -> None:
        _, line, snapshot = step
        if self.machine is None:
            self.start(line, snapshot)
            return
        states = sorted(snapshot.zones, key=lambda state: (state.node, state.zone_index))
        for zone, state, counts in zip(self.machine.zones, states, snapshot.nr_free, strict=True):
            facts = self.zone_facts(zone, state, counts, full=snapshot.full)
            for part, what, expected, got in facts:
                if expected != got:
                    setattr(self.end, part, False)
                    self.diverge(line, f"snapshot {zone.name} {what}", expected, got)

    def zone_facts(
        self, zone: Zone, state: ZoneState, counts: tuple[int, ...], *, full: bool
    ) -> Iterator[tuple[str, str, object, object]]:
        """What a snapshot says of a zone: (end-state part, what, expected, got)."""
        if not self.lists_known or not self.alone:
            return
        reserved = zone.nr_reserved_highatomic
        yield "nr_free", "highatomic", state.nr_reserved_highatomic, reserved
        if full:
            recorded = {(order, mt): pfns for order, mt, pfns in state.free_lists}
            yield "free_lists", "free lists", recorded, dump_free_lists(zone)
            blocks = dump_pageblocks(zone, state.pageblocks)
            yield "pageblocks", "pageblocks", state.pageblocks, blocks
        elif counts:
            yield "free_lists", "nr_free", counts, tuple(zone.nr_free)
        if self.drift_known:
            yield "nr_free", "counted free", state.free, zone.free
        yield "nr_free", "free", state.free + sum(state.free_diff), zone.true_free
        yield "nr_free", "boost", state.boost, zone.boost
        for cpu, pcp in enumerate(state.pcp):
            if full:
                yield "pcp", f"pcp lists of cpu {cpu}", dict(pcp.lists), dump_pcp(zone, cpu)
            for word in _PCP_WORDS:
                got = getattr(zone, f"pcp_{word}")[cpu]
                yield "pcp", f"pcp {word} of cpu {cpu}", getattr(pcp, word), got


def check_buddy(case: OracleCase, tamper: Callable[[Machine], None] | None = None) -> CaseResult:
    """Replay a recording and compare.  Raises TraceError for a damaged one.  O(operations).

    ``tamper`` may spoil each machine before it runs: verify must then notice.
    """
    run = _Run(case, tamper)
    for step in case.steps():
        run.handlers[step[0]](step)
    if not run.ops or (run.machine is None and not run.notes):
        raise case.bad(0, "no snapshot to start from", "a snapshot and operations")
    if not run.alone:
        run.notes.append(
            "recorded beside a running system: pfns and requests that reclaim not compared"
        )
    if not run.lists_known or not run.alone:
        run.end.free_lists = run.end.pageblocks = run.end.pcp = run.end.nr_free = None
    return CaseResult(
        case=case.name,
        set=case.set,
        ops=run.ops,
        pfn_checked=run.checked,
        pfn_exact=run.exact,
        outcome_exact=run.outcome_exact,
        first_divergence=run.first,
        end_state=run.end,
        notes=tuple(run.notes),
    )

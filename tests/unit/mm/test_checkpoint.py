"""The undo log returns to exactly the state of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from buddysim.kernel.gfp import composite
from buddysim.mm.machine import Machine
from buddysim.mm.state import dump_free_lists, dump_pcp
from buddysim.mm.validate import validate_machine

Small = Callable[..., Machine]


def picture(machine: Machine) -> object:
    zone = machine.zones[0]
    return (
        dump_free_lists(zone),
        [dump_pcp(zone, cpu) for cpu in range(zone.nr_cpus)],
        bytes(zone.pageblock),
        bytes(zone.movable),
        list(zone.pcp_high),
        zone.free,
        zone.boost,
        zone.nr_reserved_highatomic,
        machine.vmstat.as_dict(),
    )


def churn(machine: Machine, random: Random, held: list[tuple[int, int]], steps: int) -> None:
    masks = [
        composite(name, "6.12") for name in ("GFP_KERNEL", "GFP_ATOMIC", "GFP_HIGHUSER_MOVABLE")
    ]
    for _ in range(steps):
        if held and random.random() < 0.45:
            pfn, order = held.pop(random.randrange(len(held)))
            machine.free_pages(pfn, order, random.randrange(2))
        else:
            order = random.choice((0, 0, 0, 1, 3, 4, 9))
            pfn = machine.alloc_pages(order, random.choice(masks), cpu=random.randrange(2))
            if pfn >= 0:
                held.append((pfn, order))


def test_rollback_restores_everything(small: Small) -> None:
    machine = small(pages=8192, cpus=2)
    random = Random(1)
    held: list[tuple[int, int]] = []
    churn(machine, random, held, 500)
    outer, before_outer, kept = machine.checkpoint(), picture(machine), list(held)
    churn(machine, random, held, 400)
    inner, before_inner = machine.checkpoint(), picture(machine)
    churn(machine, random, held, 800)
    machine.rollback(inner)
    assert picture(machine) == before_inner
    machine.rollback(outer)
    assert picture(machine) == before_outer
    validate_machine(machine)
    churn(machine, random, kept, 300)
    validate_machine(machine)

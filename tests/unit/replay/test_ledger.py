"""The ledger: packing, splitting, covering blocks, background pages, migration."""

from __future__ import annotations

import pytest

from buddysim.mm.machine import Machine, build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.replay.ledger import NOWHERE, Ledger, caller_of, order_of, pack, sim_pfn_of


@pytest.fixture
def machine() -> Machine:
    return build_machine(MachineSpec.from_mem(4 << 20))


def test_entries_survive_packing() -> None:
    for sim, caller, order in [(0, 0, 0), (NOWHERE, (1 << 20) - 1, 10), (12345, 77, 3)]:
        entry = pack(sim, caller, order)
        assert (sim_pfn_of(entry), caller_of(entry), order_of(entry)) == (sim, caller, order)


def test_split_leaves_the_piece_and_its_buddies(machine: Machine) -> None:
    ledger = Ledger(machine)
    ledger.add(1000, 16, caller=2, order=3)
    pieces = ledger.split(1000, piece=5, order=0)
    assert sorted(pieces) == [(1000, 2), (1004, 0), (1005, 0), (1006, 1)]
    assert {key: sim_pfn_of(entry) for key, entry in ledger.live.items()} == {
        1000: 16,
        1004: 20,
        1005: 21,
        1006: 22,
    }
    assert ledger.owner_of(21) == 1005


def test_covering_finds_the_block_around_a_page(machine: Machine) -> None:
    ledger = Ledger(machine)
    ledger.add(1008, 32, caller=1, order=3)
    assert ledger.covering(1008) == 1008
    assert ledger.covering(1015) == 1008
    assert ledger.covering(1016) == -1
    assert ledger.covering(1007) == -1


def test_background_is_what_is_in_use_and_nobodys(machine: Machine) -> None:
    ledger = Ledger(machine)
    assert ledger.next_background() == -1
    used = machine.alloc_pages(2, 0xCC0)
    mine = machine.alloc_pages(0, 0xCC0)
    ledger = Ledger(machine)
    ledger.add(1, mine, caller=1, order=0)
    assert ledger.is_background(used, 2)
    assert not ledger.is_background(mine, 0)
    assert ledger.next_background() == used


def test_migration_moves_the_entry(machine: Machine) -> None:
    ledger = Ledger(machine)
    ledger.add(7, 100, caller=3, order=0)
    ledger.migrated(100, 200)
    assert sim_pfn_of(ledger.live[7]) == 200
    assert (ledger.owner_of(100), ledger.owner_of(200)) == (-1, 7)


def test_a_block_without_pages_owns_nothing(machine: Machine) -> None:
    ledger = Ledger(machine)
    ledger.add(5, NOWHERE, caller=1, order=4)
    assert {ledger.live.owner(page) for page in range(len(ledger.live.owners))} == {-1}
    assert order_of(ledger.remove(5)) == 4

"""Machines from /proc text, checked against the recordings' own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.mm.fragmentation import free_pages
from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.source.proc import parse_pagetypeinfo, parse_zoneinfo
from buddysim.source.proc_machine import machine_spec_from_proc

ZONEINFO = """\
Node 0, zone   Normal
  pages free     5000
        boost    100
        min      300
        low      350
        high     400
        spanned  16384
        present  16384
        managed  16000
        protection: (0, 0)
  pagesets
    cpu: 0
              count: 0
              high:  93
              batch: 15
    cpu: 1
              count: 0
              high:  93
              batch: 15
  start_pfn:           0
"""
BUDDYINFO = "Node 0, zone   Normal 8 4 0 0 0 0 0 0 0 0 4\n"


def test_zone_sizes_marks_and_cpus() -> None:
    spec = machine_spec_from_proc(ZONEINFO, BUDDYINFO, profile="5.15")
    (zone,) = spec.zones
    assert (spec.ncpus, spec.profile, spec.origin) == (2, "6.1", "zoneinfo, buddyinfo")
    assert zone.marks == (200, 250, 300)
    assert zone.boost == 100
    assert (zone.spanned, zone.managed) == (16384, 16000)
    assert zone.free_counts == {(0, 1): 8, (1, 1): 4, (10, 1): 4}


def test_without_buddyinfo_free_pages_form_large_blocks() -> None:
    (zone,) = machine_spec_from_proc(ZONEINFO).zones
    assert zone.free_counts is not None
    assert sum(blocks << order for (order, _), blocks in zone.free_counts.items()) == 5000
    assert zone.free_counts[10, 1] == 4


def test_built_machine_has_the_printed_free_pages() -> None:
    machine = build_machine(machine_spec_from_proc(ZONEINFO, BUDDYINFO))
    (zone,) = machine.zones
    assert zone.free == 8 + 8 + 4096
    assert list(zone.nr_free) == [8, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4]
    assert machine.unplaced_pages == 0


@pytest.mark.parametrize(
    ("protection", "row"),
    [
        ("(0, 81, 141, 141)", (0, 81, 141, 141, 141)),
        ("(0, 3019, 6219, 6219, 6219)", (0, 3019, 6219, 6219, 6219)),
        ("(0, 7)", (0, 0, 0, 0, 7)),
        ("(0, 5, 7)", (0, 0, 5, 5, 7)),
    ],
)
def test_protection_columns_find_their_classes(protection: str, row: tuple[int, ...]) -> None:
    text = ZONEINFO.replace("(0, 0)", protection)
    assert machine_spec_from_proc(text, BUDDYINFO).zones[0].lowmem_reserve == row


def test_highmem_machine_has_no_dma32_class() -> None:
    text = ZONEINFO.replace("(0, 0)", "(0, 865, 7000, 7000)").replace("Normal", "DMA")
    text += ZONEINFO.replace("Normal", "HighMem").replace("(0, 0)", "(0, 0, 0, 0)")
    zones = machine_spec_from_proc(text).zones
    assert zones[0].lowmem_reserve == (0, 0, 865, 7000, 7000)


def test_device_memory_is_no_zone_of_the_allocator() -> None:
    text = ZONEINFO + ZONEINFO.replace("Normal", "Device")
    assert [zone.name for zone in machine_spec_from_proc(text).zones] == ["Normal"]
    with pytest.raises(TraceError, match="no populated zone"):
        machine_spec_from_proc(ZONEINFO.replace("Normal", "Device"))


@pytest.mark.parametrize(
    ("zoneinfo", "buddyinfo", "path"),
    [
        ("nonsense", "", "zoneinfo"),
        (ZONEINFO, "nonsense", "buddyinfo"),
        (ZONEINFO.replace("16384", "0"), "", "zoneinfo"),
        (ZONEINFO, BUDDYINFO.rstrip() + " 1 2\n", "buddyinfo"),
    ],
)
def test_bad_text_names_the_file(zoneinfo: str, buddyinfo: str, path: str) -> None:
    with pytest.raises(TraceError) as caught:
        machine_spec_from_proc(zoneinfo, buddyinfo)
    assert caught.value.path == path


def _recorded(folder: Path) -> MachineSpec:
    return machine_spec_from_proc(
        (folder / "zoneinfo.after.txt").read_text(encoding="utf-8"),
        pagetypeinfo=(folder / "pagetypeinfo.after.txt").read_text(encoding="utf-8"),
    )


def test_recorded_machines_are_rebuilt_with_their_free_blocks(oracle_dir: Path) -> None:
    folders = [oracle_dir / "ftrace" / "oom", oracle_dir / "x86-ftrace" / "mixed-numa"]
    for folder in folders:
        machine = build_machine(_recorded(folder))
        info = parse_pagetypeinfo((folder / "pagetypeinfo.after.txt").read_text(encoding="utf-8"))
        zones = parse_zoneinfo((folder / "zoneinfo.after.txt").read_text(encoding="utf-8"))
        assert machine.unplaced_pages <= 512
        assert len(machine.zones) == sum(1 for zone in zones if zone.present)
        for zone in machine.zones:
            rows = [row for row in info.rows if (row.node, row.zone) == (zone.node, zone.name)]
            recorded_zone = next(z for z in zones if (z.node, z.name) == (zone.node, zone.name))
            cached = sum(pageset.count for pageset in recorded_zone.pagesets)
            wanted = sum(free_pages(row.nr_free) for row in rows) + cached
            assert wanted - machine.unplaced_pages <= zone.free <= wanted
            placed = [zone.nr_free[order] for order in range(11)]
            recorded = [sum(row.nr_free[order] for row in rows) for order in range(11)]
            recorded[0] += cached
            if not machine.unplaced_pages:
                assert placed == recorded
            printed = next(
                each for each in zones if (each.node, each.name) == (zone.node, zone.name)
            )
            assert zone.mark_min + zone.boost == printed.min
            assert zone.managed == printed.managed

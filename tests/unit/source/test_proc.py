"""/proc files of several eras, whole, cut and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.kernel.migratetype import (
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_RESERVE,
    MIGRATE_UNMOVABLE,
)
from buddysim.kernel.pcp import pcp_sizes
from buddysim.kernel.profile import profile_of
from buddysim.kernel.watermark import (
    Watermarks,
    lowmem_reserve,
    pressure_stat_threshold,
    stat_threshold,
)
from buddysim.mm.fragmentation import free_pages
from buddysim.source.proc import (
    PageSet,
    parse_buddyinfo,
    parse_pagetypeinfo,
    parse_zoneinfo,
)

MODERN = """\
Node 0, zone    DMA32
  per-node stats
      nr_inactive_anon 28
      nr_dirty     0
  pages free     772915
        boost    512
        min      8694
        low      10739
        high     12784
        promo    14829
        spanned  1044480
        present  782336
        managed  772915
        cma      0
        protection: (0, 0, 3200, 3200, 3200)
      nr_free_pages 772915
      nr_free_cma  0
  pagesets
    cpu: 0
              count:    7
              high:     5113
              batch:    63
              high_min: 5113
              high_max: 48307
  vm stats threshold: 24
    cpu: 1
              count:    9
              high:     5200
              batch:    63
              high_min: 5113
              high_max: 48307
  vm stats threshold: 24
  node_unreclaimable:  0
  start_pfn:           4096
Node 0, zone  Movable
  pages free     0
        boost    0
        min      32
        low      32
        high     32
        promo    32
        spanned  0
        present  0
        managed  0
        cma      0
        protection: (0, 0, 0, 0, 0)
"""

OLD = """\
Node 0, zone      DMA
  pages free     3018
        min      22
        low      27
        high     33
        scanned  0 (a: 11 i: 11)
        spanned  4096
        present  2560
    nr_free_pages 3018
    nr_inactive  0
        protection: (0, 2984, 6992, 6992)
  pagesets
    cpu: 0
              count: 0
              high:  0
              batch: 1
  vm stats threshold: 6
  all_unreclaimable: 0
  prev_priority:     12
  start_pfn:         0
"""

PAGETYPES = """\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2
Node    0, zone      DMA, type    Unmovable      1      0      2
Node    0, zone      DMA, type  Reclaimable      0      3      0
Node    0, zone      DMA, type      Movable >100000      0      4
Node    0, zone      DMA, type      Reserve      0      0      1

Number of blocks type     Unmovable  Reclaimable      Movable      Reserve
Node 0, zone      DMA            1            2            4            1
"""


def test_modern_zoneinfo_tells_marks_from_pcp_sizes() -> None:
    zone, movable = parse_zoneinfo(MODERN + "\n")
    assert (zone.node, zone.name, zone.start_pfn) == (0, "DMA32", 4096)
    assert (zone.boost, zone.min, zone.low, zone.high, zone.promo) == (
        512,
        8694,
        10739,
        12784,
        14829,
    )
    assert zone.protection == (0, 0, 3200, 3200, 3200)
    assert zone.pagesets[0] == PageSet(0, 7, 5113, 63, 5113, 48307, 24)
    assert [pageset.high for pageset in zone.pagesets] == [5113, 5200]
    assert zone.counters == {"nr_free_pages": 772915, "nr_free_cma": 0, "node_unreclaimable": 0}
    assert zone.node_counters == {"nr_inactive_anon": 28, "nr_dirty": 0}
    assert (movable.name, movable.min, movable.pagesets) == ("Movable", 32, [])


def test_2_6_25_zoneinfo_counts_present_pages_as_managed() -> None:
    (zone,) = parse_zoneinfo(OLD)
    assert (zone.present, zone.managed, zone.boost) == (2560, 2560, 0)
    assert zone.pagesets[0].batch == 1
    assert zone.counters["prev_priority"] == 12
    assert zone.protection == (0, 2984, 6992, 6992)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("hello\n", 1),
        (MODERN[: MODERN.index("managed") + 3], 13),
        (MODERN[: MODERN.index("        low ")], 1),
        (MODERN.replace("cpu: 0", "cpu: zero"), 19),
    ],
)
def test_bad_zoneinfo_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TraceError) as caught:
        parse_zoneinfo(text, "zoneinfo.txt")
    assert (caught.value.path, caught.value.line) == ("zoneinfo.txt", line)


def test_buddyinfo_rows() -> None:
    text = (
        "Node 0, zone      DMA "
        "     0      0      0      0      0      0      0      0      1      1      3 \n"
        "\n"
        "Node 1, zone   Normal "
        "  2750    732    880    506    261     69     29    157    267    179    346 \n"
    )
    dma, normal = parse_buddyinfo(text)
    assert (dma.node, dma.zone, free_pages(dma.nr_free)) == (0, "DMA", 3840)
    assert (normal.node, normal.nr_free[10]) == (1, 346)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("Node 0, zone DMA 1 2 3\nNode 0, zone DMA32 1 2\n", 2),
        ("Node 0, zone DMA 1 2 x\n", 1),
        ("Node 0, zone DMA 1 2 3\nNode 0, zo", 2),
    ],
)
def test_bad_buddyinfo_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TraceError) as caught:
        parse_buddyinfo(text)
    assert caught.value.line == line


def test_pagetypeinfo_of_an_old_kernel_in_canonical_numbers() -> None:
    info = parse_pagetypeinfo(PAGETYPES)
    assert info.pageblock_order == 9
    assert [row.migratetype for row in info.rows] == [
        MIGRATE_UNMOVABLE,
        MIGRATE_RECLAIMABLE,
        MIGRATE_MOVABLE,
        MIGRATE_RESERVE,
    ]
    assert [row.capped for row in info.rows] == [False, False, True, False]
    assert info.rows[2].nr_free == (100000, 0, 4)
    assert info.blocks[0, "DMA"] == {
        MIGRATE_UNMOVABLE: 1,
        MIGRATE_RECLAIMABLE: 2,
        MIGRATE_MOVABLE: 4,
        MIGRATE_RESERVE: 1,
    }


def test_pagetypeinfo_mixed_blocks_stay_apart() -> None:
    text = PAGETYPES + (
        "\nNumber of mixed blocks    Unmovable  Reclaimable      Movable      Reserve\n"
        "Node 0, zone      DMA            0            0            1            0\n"
    )
    info = parse_pagetypeinfo(text)
    assert info.blocks[0, "DMA"][MIGRATE_MOVABLE] == 4
    assert info.mixed_blocks[0, "DMA"][MIGRATE_MOVABLE] == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        (PAGETYPES[: PAGETYPES.index("Number")], 1),
        (PAGETYPES.replace("512", "500"), 2),
        (PAGETYPES.replace("Reserve      0", "Unheard      0"), 8),
        (PAGETYPES.replace("2            4            1", "2            4"), 11),
        (PAGETYPES[: PAGETYPES.index(", type      Movable")], 7),
    ],
)
def test_bad_pagetypeinfo_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TraceError) as caught:
        parse_pagetypeinfo(text)
    assert caught.value.line == line


def _recordings(oracle_dir: Path) -> list[Path]:
    folders = [path.parent for path in sorted(oracle_dir.glob("*ftrace/*/zoneinfo.after.txt"))]
    assert len(folders) >= 15
    return folders


def test_recorded_files_agree_with_each_other(oracle_dir: Path) -> None:
    for folder in _recordings(oracle_dir):
        info = parse_pagetypeinfo((folder / "pagetypeinfo.after.txt").read_text(encoding="utf-8"))
        zones = parse_zoneinfo((folder / "zoneinfo.after.txt").read_text(encoding="utf-8"))
        populated = {(zone.node, zone.name) for zone in zones if zone.present}
        assert set(info.blocks) == populated
        assert {(row.node, row.zone) for row in info.rows} == populated
        buddy = folder / "buddyinfo.after.txt"
        if buddy.exists():
            rows = parse_buddyinfo(buddy.read_text(encoding="utf-8"))
            assert {(row.node, row.zone) for row in rows} == populated
            assert all(MIGRATE_HIGHATOMIC in blocks for blocks in info.blocks.values())


def test_recorded_zones_follow_the_formulas(oracle_dir: Path) -> None:
    profile = profile_of("6.12")
    for folder in _recordings(oracle_dir):
        for zone in parse_zoneinfo((folder / "zoneinfo.after.txt").read_text(encoding="utf-8")):
            ncpus = len(zone.pagesets)
            for pageset in zone.pagesets:
                sizes = pcp_sizes(zone.managed, zone.low - zone.boost, profile, local_cpus=ncpus)
                assert pageset.batch == sizes.batch, folder
                assert pageset.high <= sizes.high_max


def test_recorded_protection_follows_the_formula(oracle_dir: Path) -> None:
    for folder in sorted((oracle_dir / "x86-ftrace").glob("*/zoneinfo.after.txt")):
        zones = parse_zoneinfo(folder.read_text(encoding="utf-8"))
        for node in {zone.node for zone in zones}:
            mine = [zone for zone in zones if zone.node == node]
            rows = lowmem_reserve(
                [zone.managed for zone in mine], (256, 256, 32, 0), profile_of("6.12")
            )
            assert [zone.protection for zone in mine] == list(rows), folder


def test_recorded_stat_threshold_follows_the_formula(oracle_dir: Path) -> None:
    checked = 0
    for folder in _recordings(oracle_dir):
        zones = parse_zoneinfo((folder / "zoneinfo.after.txt").read_text(encoding="utf-8"))
        ncpus = max(len(zone.pagesets) for zone in zones)
        for zone in zones:
            for pageset in zone.pagesets:
                if pageset.stat_threshold:
                    marks = Watermarks(zone.min, zone.low, zone.high, zone.promo)
                    calm = stat_threshold(zone.managed, ncpus)
                    assert pageset.stat_threshold in {calm, pressure_stat_threshold(marks, ncpus)}
                    checked += 1
    assert checked

"""Start states from a page map: what is exact, and what follows the written rule."""

from __future__ import annotations

from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.mm.state import HOLE, dump_free_lists
from buddysim.mm.validate import validate_machine
from buddysim.source.exact_start import disagreement, spec_with_page_map
from buddysim.source.page_map import PageKind, PageMap
from buddysim.source.proc_machine import machine_spec_from_proc

BLOCK = 512
BLOCKS = 16
START = 4096
FREE, LRU, SLAB, TABLE = PageKind.FREE, PageKind.LRU, PageKind.SLAB, PageKind.PAGE_TABLE
ZONEINFO = """\
Node 0, zone    DMA32
  pages free     {free}
        boost    0
        min      60
        low      80
        high     100
        promo    120
        spanned  8192
        present  8192
        managed  8192
        cma      0
        protection: (0, 0, 7, 7)
  pagesets
    cpu: 0
              count:    0
              high:     378
              batch:    63
  start_pfn:           4096
"""
TYPES = """\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order 0 1 2 3 4 5 6 7 8 9 10
Node    0, zone    DMA32, type    Unmovable     {unmovable}
Node    0, zone    DMA32, type      Movable     {movable}
Node    0, zone    DMA32, type  Reclaimable 0 0 0 0 0 0 0 0 0 0 0
Node    0, zone    DMA32, type   HighAtomic 0 0 0 0 0 0 0 0 0 0 0

Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic
Node 0, zone    DMA32 {blocks}
"""


def block(used: int, kind: PageKind) -> bytes:
    """A pageblock whose first pages are used, the rest free."""
    return bytes([kind]) * used + bytes([FREE]) * (BLOCK - used)


LAYOUT = {
    0: block(256, SLAB),
    1: block(256, SLAB | TABLE),
    2: block(500, LRU),
    3: block(448, TABLE),
    5: block(0, FREE),
    8: block(0, FREE),
    9: block(0, FREE),
    10: bytes([PageKind.HOLE]) * BLOCK,
}
"""The other pageblocks are full of LRU pages."""


def page_map(layout: dict[int, bytes] = LAYOUT) -> PageMap:
    blocks = [layout.get(number, block(BLOCK, LRU)) for number in range(BLOCKS)]
    return PageMap(bytes(START) + b"".join(blocks))


def spec(blocks: str = "3 11 1 0", large: str = "0 0") -> MachineSpec:
    pages = page_map().count(FREE)
    rows = {"unmovable": f"0 0 0 0 0 0 1 0 2 {large}", "movable": "0 0 2 1 0 0 0 0 0 1 1"}
    free = ZONEINFO.format(free=pages)
    types = TYPES.format(blocks=blocks, **rows)
    return machine_spec_from_proc(free, pagetypeinfo=types, profile="6.12", contiguous=False)


def test_free_blocks_lie_where_the_map_has_them() -> None:
    found = spec_with_page_map(spec(), page_map())
    machine = build_machine(found)
    (zone,) = machine.zones
    lists = dump_free_lists(zone)
    blocks = sorted((pfn, order) for (order, _), pfns in lists.items() for pfn in pfns)
    assert blocks == sorted(page_map().free_blocks(START, START + 8192))
    assert zone.free == page_map().count(FREE) == 2 * 256 + 12 + 64 + 3 * 512
    assert (zone.mark_min, zone.mark_low, zone.mark_high) == (60, 80, 100)
    assert list(zone.lowmem_reserve)[:4] == [0, 0, 7, 7]
    assert zone.pcp_batch[0] > 0
    assert found.origin.startswith("kpageflags of the recording: 7 free blocks exactly")
    validate_machine(machine)


def test_pages_on_an_lru_are_known_as_movable() -> None:
    (zone,) = spec_with_page_map(spec(), page_map()).zones
    assert zone.state is not None
    spans = list(page_map().runs(LRU, START, START + 8192))
    assert zone.state.movable == tuple((first, end - first) for first, end in spans)


def test_types_of_pageblocks_follow_what_is_in_them() -> None:
    (zone,) = spec_with_page_map(spec(blocks="2 11 1 1"), page_map()).zones
    assert zone.state is not None
    types = zone.state.pageblocks
    # most slab: reclaimable, lowest first; then page tables; a hole is none
    assert types[0] == 2
    assert (types[1], types[3]) == (0, 0)
    assert types[10] == HOLE
    assert (types[2], types[4]) == (3, 1), "the emptiest of the rest is the highatomic one"
    assert types.count(0) == 2


def test_whole_free_pageblocks_take_the_types_counted_for_their_order() -> None:
    (zone,) = spec_with_page_map(spec(blocks="6 9 0 0", large="1 1"), page_map()).zones
    assert zone.state is not None
    lists = {(order, mt): pfns for order, mt, pfns in zone.state.free_lists}
    assert lists[9, 0] == (START + 5 * BLOCK,)
    assert lists[10, 0] == (START + 8 * BLOCK,)
    types = zone.state.pageblocks
    assert [types[number] for number in (0, 1, 3, 5, 8, 9)] == [0] * 6


def test_a_map_that_disagrees_is_told() -> None:
    assert disagreement(spec(), page_map()) == ""
    reason = "kpageflags has 7 free pages in DMA32 where 2,128 are counted"
    heads_only = bytearray(START + 8192)
    for pfn, _ in page_map().free_blocks(START, START + 8192):
        heads_only[pfn] = FREE
    assert disagreement(spec(), PageMap(bytes(heads_only))) == reason

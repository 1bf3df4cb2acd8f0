"""The page map: kpageflags in one byte a page, and the free blocks it implies."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.errors import TraceError
from buddysim.source.oracle import read_snapshots
from buddysim.source.page_map import PageKind, PageMap, read_page_map, runs_to_blocks

FREE, LRU = PageKind.FREE, PageKind.LRU


def flags(*bits: int) -> int:
    return sum(1 << bit for bit in bits)


def written(folder: Path, words: list[int]) -> Path:
    path = folder / "kpageflags"
    path.write_bytes(struct.pack(f"<{len(words)}Q", *words))
    return path


def test_flags_become_kinds(tmp_path: Path) -> None:
    words = {
        flags(): PageKind(0),
        flags(10): FREE,
        flags(3, 10): FREE,
        flags(2, 3, 5, 6): LRU,
        flags(3, 5, 11, 12): LRU | PageKind.MAPPED,
        flags(7, 16): PageKind.SLAB,
        flags(17, 15): PageKind.HUGE,
        flags(5, 16, 22): LRU | PageKind.HUGE,
        flags(32): PageKind.RESERVED,
        flags(20): PageKind.HOLE,
        flags(26): PageKind.PAGE_TABLE,
        flags(63): PageKind(0),
    }
    pages = read_page_map(written(tmp_path, list(words)))
    assert list(pages.kinds) == [int(kind) for kind in words.values()]


def test_a_map_longer_than_a_block_and_cut_in_a_word(tmp_path: Path) -> None:
    path = written(tmp_path, [flags(10), flags(5)] * 150_000)
    path.write_bytes(path.read_bytes() + b"\1\2\3")
    pages = read_page_map(path)
    assert len(pages.kinds) == 300_000
    assert pages.count(FREE) == pages.count(LRU) == 150_000
    assert pages.count(FREE | LRU, 10, 20) == 10
    assert PageMap.unpacked(pages.packed()) == pages
    assert len(pages.packed()) < 10_000


def test_a_missing_or_forbidden_map_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        read_page_map(tmp_path / "absent")


@pytest.mark.parametrize("change", ["cut", "head", "longer", "size", "empty"])
def test_damage_is_one_line(change: str) -> None:
    whole = PageMap(bytes(range(256)) * 40).packed()
    damaged = {
        "cut": whole[:-5],
        "head": b"?" + whole[1:],
        "longer": whole[:8] + struct.pack("<Q", 100) + whole[16:],
        "size": whole[:8] + struct.pack("<Q", 1 << 60) + whole[16:],
        "empty": b"",
    }[change]
    with pytest.raises(TraceError, match="damaged page map"):
        PageMap.unpacked(damaged, "x.bst")


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(0, 5000))
def test_blocks_are_aligned_cover_the_runs_and_cannot_merge(free: list[bool], start: int) -> None:
    pages = PageMap(bytes(start) + bytes(int(FREE) * each for each in free))
    blocks = list(pages.free_blocks(start, start + len(free)))
    covered = [pfn + page for pfn, order in blocks for page in range(1 << order)]
    assert covered == [start + place for place, each in enumerate(free) if each]
    assert all(pfn % (1 << order) == 0 for pfn, order in blocks)
    assert not {(pfn ^ 1 << order, order) for pfn, order in blocks} & set(blocks)


def test_no_block_is_larger_than_the_largest_order() -> None:
    blocks = list(runs_to_blocks(iter([(0, 5000)])))
    assert [order for _, order in blocks] == [10, 10, 10, 10, 9, 8, 7, 3]


@pytest.mark.parametrize("name", ["oom", "mixed-numa", "forkexec", "tcp"])
def test_blocks_of_real_kernels_follow_from_their_free_pages(oracle_dir: Path, name: str) -> None:
    """The snapshots list the blocks; their pages alone give the same blocks back."""
    snapshots, _ = read_snapshots(oracle_dir / "x86-ftrace" / name)
    checked = 0
    for snapshot in snapshots:
        for zone in snapshot.zones:
            recorded = sorted((pfn, order) for order, _, pfns in zone.free_lists for pfn in pfns)
            kinds = bytearray(zone.start_pfn + zone.spanned)
            for pfn, order in recorded:
                kinds[pfn : pfn + (1 << order)] = bytes([FREE]) * (1 << order)
            found = list(PageMap(bytes(kinds)).free_blocks(zone.start_pfn, len(kinds)))
            assert found == recorded
            checked += len(found)
    assert checked > 100


def test_the_running_kernel() -> None:
    if not os.access("/proc/kpageflags", os.R_OK):
        pytest.skip("/proc/kpageflags is not readable")
    try:
        pages = read_page_map()
    except PermissionError:
        pytest.skip("/proc/kpageflags may only be opened")
    assert pages.count(FREE) > 100
    assert pages.count(LRU) > 100

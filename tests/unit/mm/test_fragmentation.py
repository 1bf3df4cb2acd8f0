"""Indices against the fact sheet's worked example and, digit for digit, kernel files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.mm.fragmentation import (
    extfrag_line,
    format_extfrag,
    format_unusable,
    fragmentation_index,
    free_pages,
    suitable_blocks,
    unusable_free_index,
    unusable_line,
)

NORMAL = (2750, 732, 880, 506, 261, 69, 29, 157, 267, 179, 346)
DMA = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 3)
COUNTS = st.lists(st.integers(0, 5000), min_size=11, max_size=11)


def test_worked_example_of_the_unusable_index() -> None:
    assert free_pages(NORMAL) == 554422
    assert suitable_blocks(NORMAL, 9) == 871
    assert unusable_free_index(NORMAL, 9) == 195
    assert unusable_free_index(NORMAL, 10) == 360
    assert [unusable_free_index(DMA, order) for order in (8, 9, 10)] == [0, 66, 200]


def test_worked_lines_match_the_kernel_files() -> None:
    assert unusable_line(0, "Normal", NORMAL) == (
        "Node 0, zone   Normal 0.000 0.004 0.007 0.013 0.021 0.028 0.032 0.036 0.072 0.195 0.360 "
    )
    assert extfrag_line(0, "Normal", NORMAL) == "Node 0, zone   Normal " + "-1.000 " * 11


def test_paper_check_of_the_external_index() -> None:
    nr_free = (100, 50, *[0] * 9)
    assert fragmentation_index(nr_free, 3) == 827
    assert format_extfrag(827) == " 0.827"


def test_one_free_block_gives_the_negative_quirk() -> None:
    nr_free = (0, 0, 1, *[0] * 8)
    assert fragmentation_index(nr_free, 3) == -500
    assert format_extfrag(-500) == " 0.-500"


def test_empty_zone_and_impossible_order() -> None:
    empty = (0,) * 11
    assert unusable_free_index(empty, 0) == 1000
    assert format_unusable(1000) == "1.000"
    assert fragmentation_index(empty, 3) == 0
    assert fragmentation_index(NORMAL, 11) == 0


@given(COUNTS, st.integers(0, 10))
def test_index_ranges(nr_free: list[int], order: int) -> None:
    unusable = unusable_free_index(nr_free, order)
    assert 0 <= unusable <= 1000
    external = fragmentation_index(nr_free, order)
    if suitable_blocks(nr_free, order):
        assert external == -1000
    elif sum(nr_free) >= 2:
        assert 0 <= external <= 1000


@given(COUNTS)
def test_unusable_share_grows_with_the_order(nr_free: list[int]) -> None:
    values = [unusable_free_index(nr_free, order) for order in range(11)]
    assert values == sorted(values)


@pytest.mark.parametrize("folder", ["extfrag-files-pb9", "extfrag-files-pb10", "extfrag-files-6.1"])
def test_recorded_files_digit_for_digit(oracle_dir: Path, folder: str) -> None:
    files = sorted((oracle_dir / folder).glob("*.txt"))
    assert files
    for file in files:
        sections = _sections(file.read_text(encoding="utf-8"))
        for buddy, unusable, extfrag in zip(
            sections["/proc/buddyinfo"],
            sections["unusable_index"],
            sections["extfrag_index"],
            strict=True,
        ):
            words = buddy.split()
            nr_free = [int(word) for word in words[4:]]
            assert unusable_line(0, words[3], nr_free).rstrip() == unusable.rstrip(), file
            assert extfrag_line(0, words[3], nr_free).rstrip() == extfrag.rstrip(), file


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            current = sections.setdefault(line[3:], [])
        elif line.startswith("Node"):
            current.append(line)
    return sections

"""Migratetype numbers, names and letters by era (fact sheet 6.1)."""

from __future__ import annotations

import pytest

from buddysim.errors import ConfigError
from buddysim.kernel.gfp import Gfp
from buddysim.kernel.migratetype import (
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_ISOLATE,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_RESERVE,
    MIGRATE_TYPES,
    MIGRATE_UNMOVABLE,
    from_gfp,
    from_name,
    from_printed,
    letter_of,
    name_of,
    printed_order,
    to_printed,
)
from buddysim.kernel.profile import PROFILES

OLD = (MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, MIGRATE_RESERVE)
NEW = (MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC)


@pytest.mark.parametrize(
    ("era", "types"),
    [
        ("2.6.25", (*OLD, MIGRATE_ISOLATE)),
        ("2.6.32", (*OLD, MIGRATE_ISOLATE)),
        ("3.13", (*OLD, MIGRATE_CMA, MIGRATE_ISOLATE)),
        ("4.4", (*NEW, MIGRATE_CMA, MIGRATE_ISOLATE)),
        ("6.18", (*NEW, MIGRATE_CMA, MIGRATE_ISOLATE)),
    ],
)
def test_numbers_of_each_era(era: str, types: tuple[int, ...]) -> None:
    assert printed_order(era) == types
    assert [from_printed(number, era) for number in range(len(types))] == list(types)


@pytest.mark.parametrize("era", PROFILES)
def test_printed_numbers_round_trip(era: str) -> None:
    for migratetype in printed_order(era):
        assert from_printed(to_printed(migratetype, era), era) == migratetype


def test_isolate_moves_down_without_cma() -> None:
    assert from_printed(4, "6.12", has_cma=False) == MIGRATE_ISOLATE
    assert to_printed(MIGRATE_ISOLATE, "6.12", has_cma=False) == 4


@pytest.mark.parametrize("number", [-1, 6, 99])
def test_numbers_no_kernel_prints_are_refused(number: int) -> None:
    with pytest.raises(ConfigError):
        from_printed(number, "6.12")


def test_type_that_the_era_lacks_is_refused() -> None:
    with pytest.raises(ConfigError):
        to_printed(MIGRATE_CMA, "2.6.25")


def test_names_and_letters_of_slot_three_follow_the_era() -> None:
    assert (name_of(3, "3.13"), letter_of(3, "3.13")) == ("Reserve", "R")
    assert (name_of(3, "6.12"), letter_of(3, "6.12")) == ("HighAtomic", "H")
    assert "".join(letter_of(each, "6.12") for each in range(MIGRATE_TYPES)) == "UMEHCI"
    assert "".join(letter_of(each, "3.13") for each in printed_order("3.13")) == "UEMRCI"


@pytest.mark.parametrize("era", ["2.6.25", "6.12"])
def test_names_round_trip(era: str) -> None:
    for migratetype in printed_order(era):
        assert from_name(name_of(migratetype, era)) == migratetype


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="Sticky"):
        from_name("Sticky")


def test_type_that_a_mask_asks_for() -> None:
    assert from_gfp(Gfp.IO | Gfp.FS) == MIGRATE_UNMOVABLE
    assert from_gfp(Gfp.MOVABLE | Gfp.HIGHMEM) == MIGRATE_MOVABLE
    assert from_gfp(Gfp.RECLAIMABLE) == MIGRATE_RECLAIMABLE
    with pytest.raises(ConfigError, match="at most one"):
        from_gfp(Gfp.MOVABLE | Gfp.RECLAIMABLE)

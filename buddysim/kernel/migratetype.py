"""Mobility classes of pages, and the numbers each era prints for them (fact sheet 6.1).

The canonical numbers are those of 4.4 and later.  Before 4.4, types 1 and 2 were swapped and
type 3 was RESERVE; its canonical slot is HIGHATOMIC's, which no era has beside it.
"""

from __future__ import annotations

from functools import lru_cache

from buddysim.errors import ConfigError
from buddysim.kernel.release import row_of_release

__all__ = [
    "LETTERS",
    "MIGRATE_CMA",
    "MIGRATE_HIGHATOMIC",
    "MIGRATE_ISOLATE",
    "MIGRATE_MOVABLE",
    "MIGRATE_PCPTYPES",
    "MIGRATE_RECLAIMABLE",
    "MIGRATE_RESERVE",
    "MIGRATE_TYPES",
    "MIGRATE_UNMOVABLE",
    "NAMES",
    "from_gfp",
    "from_name",
    "from_printed",
    "letter_of",
    "name_of",
    "printed_order",
    "to_printed",
]

MIGRATE_UNMOVABLE = 0
MIGRATE_MOVABLE = 1
MIGRATE_RECLAIMABLE = 2
MIGRATE_HIGHATOMIC = 3
MIGRATE_RESERVE = 3
"""2.6.24..4.3 only; shares the slot of HIGHATOMIC."""
MIGRATE_CMA = 4
MIGRATE_ISOLATE = 5
MIGRATE_TYPES = 6
MIGRATE_PCPTYPES = 3
"""The first three types have their own per-cpu lists."""

NAMES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate")
"""As /proc/pagetypeinfo prints them, by canonical number."""
LETTERS = "UMEHCI"
"""As free-list lines of the kernel log print them, by canonical number."""

_U, _M, _E, _H, _C, _I = range(MIGRATE_TYPES)
# (first release, types in the order of their printed numbers): fact sheet 6.1.
_NUMBERING: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 6, 24), (_U, _E, _M, _H, _I)),
    ((3, 5), (_U, _E, _M, _H, _C, _I)),  # CMA; [M] for the release, read in 3.13
    ((4, 4), (_U, _M, _E, _H, _C, _I)),
)
_HIGHATOMIC_SINCE = (((2, 6), False), ((4, 4), True))


@lru_cache(maxsize=64)
def printed_order(era: str, *, has_cma: bool = True) -> tuple[int, ...]:
    """Canonical types in the order of an era's own numbers; CMA left out when not built in.

    Raises ConfigError for a bad era.
    """
    types = row_of_release(era, _NUMBERING)
    return types if has_cma else tuple(each for each in types if each != MIGRATE_CMA)


def from_printed(number: int, era: str, *, has_cma: bool = True) -> int:
    """Canonical type of a number that a kernel of ``era`` printed.  Raises ConfigError."""
    types = printed_order(era, has_cma=has_cma)
    if not 0 <= number < len(types):
        raise ConfigError(f"migratetype {number}", expected=f"0..{len(types) - 1} in {era}")
    return types[number]


def to_printed(migratetype: int, era: str, *, has_cma: bool = True) -> int:
    """The number a kernel of ``era`` prints for a canonical type.  Raises ConfigError."""
    types = printed_order(era, has_cma=has_cma)
    if migratetype not in types:
        raise ConfigError(f"migratetype {migratetype}", expected=f"one that {era} knows")
    return types.index(migratetype)


def name_of(migratetype: int, era: str) -> str:
    """Name in /proc/pagetypeinfo; ``Reserve`` for slot 3 before 4.4."""
    if migratetype == MIGRATE_RESERVE and not row_of_release(era, _HIGHATOMIC_SINCE):
        return "Reserve"
    return NAMES[migratetype]


def letter_of(migratetype: int, era: str) -> str:
    """Letter in free-list lines of the kernel log; ``R`` for slot 3 before 4.4."""
    if migratetype == MIGRATE_RESERVE and not row_of_release(era, _HIGHATOMIC_SINCE):
        return "R"
    return LETTERS[migratetype]


def from_name(name: str) -> int:
    """Canonical type of any era's /proc/pagetypeinfo name.  Raises ConfigError."""
    word = name.strip().lower()
    if word == "reserve":
        return MIGRATE_RESERVE
    for migratetype, known in enumerate(NAMES):
        if word == known.lower():
            return migratetype
    raise ConfigError(f"migratetype {name!r}", expected=", ".join(NAMES))


def from_gfp(mask: int) -> int:
    """Type that a canonical GFP mask asks for (fact sheet 4.7).

    Raises ConfigError when both mobility flags are set, which is a caller's bug in every era.
    """
    migratetype = mask >> 3 & 3
    if migratetype == 3:
        raise ConfigError(
            "mask has both __GFP_MOVABLE and __GFP_RECLAIMABLE", expected="at most one of them"
        )
    return migratetype

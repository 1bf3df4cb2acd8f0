"""GFP bit values, composite masks and printed name orders by era (fact sheet 4.1, 4.2, 4.3).

Columns are eras.  4.14 stands for 4.13..4.15, whose values are from memory except GFP_KERNEL and
GFP_ATOMIC, which logs of distributions attest; 6.1 also covers 5.0..6.2; 6.12 covers 6.3 and later
(6.18 read from a live kernel).  The 4.9 column leaves out the vendor bits of the tree it was
read in.
"""

from __future__ import annotations

from enum import IntFlag

__all__ = [
    "BITS",
    "COMPOSITES",
    "DMESG_WORDS",
    "ERAS",
    "ERA_SINCE",
    "LEGACY_ERAS",
    "TRACE_WORDS",
    "Gfp",
]

ERAS = ("2.6.25", "2.6.32", "3.13", "4.4", "4.9", "4.14", "4.19", "6.1", "6.12", "6.18")
"""Columns of the tables, oldest first; 6.18 has 6.12's bits and prints them in another order."""
LEGACY_ERAS = frozenset({"2.6.25", "2.6.32", "3.13"})
"""One bit, WAIT, where later kernels have DIRECT_RECLAIM and KSWAPD_RECLAIM."""
ERA_SINCE: tuple[tuple[tuple[int, ...], str], ...] = (
    ((2, 6), "2.6.25"),
    ((2, 6, 31), "2.6.32"),
    ((3, 0), "3.13"),
    ((4, 4), "4.4"),
    ((4, 6), "4.9"),
    ((4, 13), "4.14"),
    ((4, 16), "4.19"),
    ((5, 0), "6.1"),
    ((6, 3), "6.12"),
    ((6, 15), "6.18"),
)


class Gfp(IntFlag):
    """The canonical mask: 6.12's bits, 0x200 for ATOMIC, and legacy-only flags from 1<<25 up."""

    DMA = 0x1
    HIGHMEM = 0x2
    DMA32 = 0x4
    MOVABLE = 0x8
    RECLAIMABLE = 0x10
    HIGH = 0x20
    IO = 0x40
    FS = 0x80
    ZERO = 0x100
    ATOMIC = 0x200
    DIRECT_RECLAIM = 0x400
    KSWAPD_RECLAIM = 0x800
    WRITE = 0x1000
    NOWARN = 0x2000
    RETRY_MAYFAIL = 0x4000
    NOFAIL = 0x8000
    NORETRY = 0x10000
    MEMALLOC = 0x20000
    COMP = 0x40000
    NOMEMALLOC = 0x80000
    HARDWALL = 0x100000
    THISNODE = 0x200000
    ACCOUNT = 0x400000
    ZEROTAGS = 0x800000
    NO_OBJ_EXT = 0x1000000
    COLD = 1 << 25
    NOTRACK = 1 << 26
    OTHER_NODE = 1 << 27
    NO_KSWAPD = 1 << 28
    REPEAT = 1 << 29
    KMEMCG = 1 << 30
    NOACCOUNT = 1 << 31


_BITS_TABLE = """
flag            2.6.25  2.6.32    3.13     4.4     4.9    4.14    4.19     6.1    6.12
DMA                  1       1       1       1       1       1       1       1       1
HIGHMEM              2       2       2       2       2       2       2       2       2
DMA32                4       4       4       4       4       4       4       4       4
MOVABLE         100000       8       8       8       8       8       8       8       8
RECLAIMABLE      80000   80000   80000      10      10      10      10      10      10
WAIT                10      10      10       -       -       -       -       -       -
HIGH                20      20      20      20      20      20      20      20      20
IO                  40      40      40      40      40      40      40      40      40
FS                  80      80      80      80      80      80      80      80      80
COLD               100     100     100     100     100     100       -       -       -
NOWARN             200     200     200     200     200     200     200    2000    2000
REPEAT             400     400     400     400     400       -       -       -       -
RETRY_MAYFAIL        -       -       -       -       -     400     400    4000    4000
NOFAIL             800     800     800     800     800     800     800    8000    8000
NORETRY           1000    1000    1000    1000    1000    1000    1000   10000   10000
MEMALLOC             -       -    2000    2000    2000    2000    2000   20000   20000
COMP              4000    4000    4000    4000    4000    4000    4000   40000   40000
ZERO              8000    8000    8000    8000    8000    8000    8000     100     100
NOMEMALLOC       10000   10000   10000   10000   10000   10000   10000   80000   80000
HARDWALL         20000   20000   20000   20000   20000   20000   20000  100000  100000
THISNODE         40000   40000   40000   40000   40000   40000   40000  200000  200000
ATOMIC               -       -       -   80000   80000   80000   80000     200       -
KMEMCG               -       -  100000       -       -       -       -       -       -
NOACCOUNT            -       -       -  100000       -       -       -       -       -
ACCOUNT              -       -       -       -  100000  100000  100000  400000  400000
NOTRACK              -  200000  200000  200000  200000  200000       -       -       -
NO_KSWAPD            -       -  400000       -       -       -       -       -       -
OTHER_NODE           -       -  800000  800000  800000       -       -       -       -
DIRECT_RECLAIM       -       -       -  400000  400000  400000  200000     400     400
KSWAPD_RECLAIM       -       -       - 2000000 2000000 1000000  400000     800     800
WRITE                -       - 1000000 1000000 1000000  800000     100    1000    1000
ZEROTAGS             -       -       -       -       -       -       -  800000  800000
NO_OBJ_EXT           -       -       -       -       -       -       -       - 1000000
"""
"""Hex; ``-`` where the era has no such flag."""

_COMPOSITES_TABLE = """
mask                  2.6.25  2.6.32    3.13     4.4     4.9    4.14    4.19     6.1    6.12
GFP_ATOMIC                20      20      20 2080020 2080020 1080020  480020     a20     820
GFP_NOWAIT                 0       0       0 2000000 2000000 1000000  400000     800    2800
GFP_NOIO                  10      10      10 2400000 2400000 1400000  600000     c00     c00
GFP_NOFS                  50      50      50 2400040 2400040 1400040  600040     c40     c40
GFP_KERNEL                d0      d0      d0 24000c0 24000c0 14000c0  6000c0     cc0     cc0
GFP_KERNEL_ACCOUNT         -       -       -       - 25000c0 15000c0  7000c0  400cc0  400cc0
GFP_TEMPORARY          800d0   800d0   800d0 24000d0 24000d0       -       -       -       -
GFP_USER               200d0   200d0   200d0 24200c0 24200c0 14200c0  6200c0  100cc0  100cc0
GFP_HIGHUSER           200d2   200d2   200d2 24200c2 24200c2 14200c2  6200c2  100cc2  100cc2
GFP_HIGHUSER_MOVABLE  1200d2   200da   200da 24200ca 24200ca 14200ca  6200ca  100cca  100cca
GFP_TRANSHUGE_LIGHT        -       -       -       -   342ca   342ca   342ca  1c20ca  1c20ca
GFP_TRANSHUGE              -       -  4352da  4352ca  4342ca  4342ca  2342ca  1c24ca  1c24ca
GFP_DMA                    1       1       1       1       1       1       1       1       1
GFP_DMA32                  4       4       4       4       4       4       4       4       4
GFP_THISNODE           41200       -       -       -       -       -       -       -       -
"""


def _columns(table: str) -> dict[str, dict[str, int]]:
    """A table above as era -> row name -> number, absent cells left out."""
    header, *rows = (line.split() for line in table.strip().splitlines())
    columns: dict[str, dict[str, int]] = {era: {} for era in header[1:]}
    for name, *cells in rows:
        for era, cell in zip(header[1:], cells, strict=True):
            if cell != "-":
                columns[era][name] = int(cell, 16)
    return columns


BITS: dict[str, dict[str, int]] = _columns(_BITS_TABLE)
BITS["6.18"] = BITS["6.12"]
"""Era -> flag without its ``__GFP_`` -> the era's own bit.  Only flags that the era has."""

COMPOSITES: dict[str, dict[str, int]] = _columns(_COMPOSITES_TABLE)
COMPOSITES["6.18"] = COMPOSITES["6.12"]
"""Era -> name -> the era's own mask.

GFP_THISNODE was a composite through 3.13; 2.6.32 and 3.13 print the same word for the single bit
in traces, so only 2.6.25, which has no traces, reads it as the composite (NUMA kernels).
"""

_USERS = "GFP_HIGHUSER_MOVABLE GFP_HIGHUSER GFP_USER"
_OLD_COMPOSITES = f"{_USERS} GFP_TEMPORARY GFP_KERNEL GFP_NOFS GFP_ATOMIC GFP_NOIO"
_TRACE_2_6_32 = (
    f"{_OLD_COMPOSITES} HIGH WAIT IO COLD NOWARN REPEAT NOFAIL NORETRY COMP ZERO NOMEMALLOC "
    "HARDWALL THISNODE RECLAIMABLE MOVABLE"
)
_TRACE_3_13 = (
    f"GFP_TRANSHUGE {_OLD_COMPOSITES} HIGH WAIT IO COLD NOWARN REPEAT NOFAIL NORETRY COMP ZERO "
    "NOMEMALLOC MEMALLOC HARDWALL THISNODE RECLAIMABLE KMEMCG MOVABLE NOTRACK NO_KSWAPD OTHER_NODE"
)
_TRACE_4_4 = (
    f"GFP_TRANSHUGE {_OLD_COMPOSITES} HIGH ATOMIC IO COLD NOWARN REPEAT NOFAIL NORETRY COMP ZERO "
    "NOMEMALLOC MEMALLOC HARDWALL THISNODE RECLAIMABLE MOVABLE NOTRACK DIRECT_RECLAIM "
    "KSWAPD_RECLAIM OTHER_NODE"
)
_FROM_4_6 = (
    f"GFP_TRANSHUGE GFP_TRANSHUGE_LIGHT {_USERS} GFP_TEMPORARY GFP_KERNEL_ACCOUNT GFP_KERNEL "
    "GFP_NOFS GFP_ATOMIC GFP_NOIO GFP_NOWAIT GFP_DMA HIGHMEM GFP_DMA32 HIGH ATOMIC IO FS COLD "
    "NOWARN REPEAT RETRY_MAYFAIL NOFAIL NORETRY COMP ZERO NOMEMALLOC MEMALLOC HARDWALL THISNODE "
    "RECLAIMABLE MOVABLE ACCOUNT NOTRACK WRITE RECLAIM DIRECT_RECLAIM KSWAPD_RECLAIM OTHER_NODE "
    "ZEROTAGS"
)
# Ascending bits were seen on 6.18; 6.12's own traces and log still have the older order.
_FROM_6_18 = (
    f"GFP_TRANSHUGE GFP_TRANSHUGE_LIGHT {_USERS} GFP_KERNEL_ACCOUNT GFP_KERNEL GFP_NOFS GFP_ATOMIC "
    "GFP_NOIO GFP_NOWAIT GFP_DMA GFP_DMA32 RECLAIM DMA HIGHMEM DMA32 MOVABLE RECLAIMABLE HIGH IO "
    "FS ZERO DIRECT_RECLAIM KSWAPD_RECLAIM WRITE NOWARN RETRY_MAYFAIL NOFAIL NORETRY MEMALLOC "
    "COMP NOMEMALLOC HARDWALL THISNODE ACCOUNT ZEROTAGS NO_OBJ_EXT"
)


def _macro_words(era: str) -> str:
    """Our own order for eras whose log prints no names: composites, then bits as the header."""
    composites = f"GFP_TRANSHUGE {_OLD_COMPOSITES} GFP_NOWAIT"
    return " ".join([composites, *sorted(BITS[era], key=BITS[era].__getitem__)])


def _word_masks(era: str, words: str, prefix: str) -> tuple[tuple[int, str], ...]:
    """Pairs of raw mask and printed text, flags that the era lacks left out."""
    bits, composites = BITS[era], COMPOSITES[era]
    pairs = []
    for word in words.split():
        if word.startswith("GFP_"):
            pairs.append((composites.get(word, 0), word))
        elif word == "RECLAIM":
            pairs.append((bits["DIRECT_RECLAIM"] | bits["KSWAPD_RECLAIM"], prefix + word))
        else:
            pairs.append((bits.get(word, 0), prefix + word))
    return tuple((mask, text) for mask, text in pairs if mask)


_WORDS_BY_ERA = {
    "2.6.32": _TRACE_2_6_32,
    "3.13": _TRACE_3_13,
    "4.4": _TRACE_4_4,
    "4.9": _FROM_4_6,
    "4.14": _FROM_4_6,
    "4.19": _FROM_4_6,
    "6.1": _FROM_4_6,
    "6.12": f"{_FROM_4_6} NO_OBJ_EXT",
    "6.18": _FROM_6_18,
}
_OLD_TRACE_ERAS = ("2.6.32", "3.13", "4.4")
_HEX_ONLY_ERAS = ("2.6.25", *_OLD_TRACE_ERAS)

TRACE_WORDS: dict[str, tuple[tuple[int, str], ...]] = {
    era: _word_masks(era, words, "GFP_" if era in _OLD_TRACE_ERAS else "__GFP_")
    for era, words in _WORDS_BY_ERA.items()
}
"""Era -> (raw mask, text) in the order the tracepoints try them.  2.6.25 has no tracepoints."""

DMESG_WORDS: dict[str, tuple[tuple[int, str], ...]] = {
    era: _word_masks(
        era,
        _macro_words(era) if era in _HEX_ONLY_ERAS else _WORDS_BY_ERA[era],
        "__GFP_",
    )
    for era in ERAS
}
"""The same for the kernel log, which before 4.6 prints hex alone: there the header's names."""

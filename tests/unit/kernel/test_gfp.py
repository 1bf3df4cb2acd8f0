"""GFP masks of nine eras: tables, decode drill, names both ways (fact sheet 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddysim.errors import ConfigError
from buddysim.kernel.gfp import (
    ERAS,
    Gfp,
    composite,
    decode_mask,
    encode_mask,
    era_of,
    format_names,
    format_raw,
    parse_names,
    unknown_bits,
)
from buddysim.kernel.gfp_table import BITS, COMPOSITES, LEGACY_ERAS, TRACE_WORDS

OLD = ("2.6.25", "2.6.32", "3.13")
TRACE_ERAS = tuple(TRACE_WORDS)
KSWAPD = int(Gfp.KSWAPD_RECLAIM)


def raw_masks(era: str) -> st.SearchStrategy[int]:
    """Any combination of the bits that an era defines."""
    bits = sorted(BITS[era].values())
    return st.sets(st.sampled_from(bits)).map(sum)


ERA_AND_RAW = st.sampled_from(ERAS).flatmap(lambda era: st.tuples(st.just(era), raw_masks(era)))


@pytest.mark.parametrize("era", ERAS)
def test_bits_of_an_era_are_single_and_distinct(era: str) -> None:
    bits = list(BITS[era].values())
    assert all(bit & (bit - 1) == 0 for bit in bits)
    assert len(set(bits)) == len(bits)


def test_canonical_bits_are_6_12s_own() -> None:
    for name, bit in BITS["6.12"].items():
        assert Gfp[name] == bit
    assert Gfp.ATOMIC == 0x200
    legacy = [Gfp.COLD, Gfp.NOTRACK, Gfp.OTHER_NODE, Gfp.NO_KSWAPD, Gfp.REPEAT, Gfp.KMEMCG]
    assert legacy == [1 << bit for bit in range(25, 31)]


def test_every_canonical_flag_has_a_column_somewhere() -> None:
    known = {name for bits in BITS.values() for name in bits}
    assert {flag.name for flag in Gfp} == known - {"WAIT"}


RECIPES = {
    "GFP_ATOMIC": {"4.19": "HIGH ATOMIC KSWAPD_RECLAIM", "6.12": "HIGH KSWAPD_RECLAIM"},
    "GFP_NOIO": {"4.4": "DIRECT_RECLAIM KSWAPD_RECLAIM", "6.12": "DIRECT_RECLAIM KSWAPD_RECLAIM"},
    "GFP_KERNEL": {"4.9": "IO FS DIRECT_RECLAIM KSWAPD_RECLAIM", "2.6.25": "WAIT IO FS"},
    "GFP_TEMPORARY": {"3.13": "WAIT IO FS RECLAIMABLE", "2.6.25": "WAIT IO FS RECLAIMABLE"},
    "GFP_HIGHUSER_MOVABLE": {
        "2.6.25": "WAIT IO FS HARDWALL HIGHMEM MOVABLE",
        "6.1": "IO FS HARDWALL HIGHMEM MOVABLE DIRECT_RECLAIM KSWAPD_RECLAIM",
    },
    "GFP_TRANSHUGE": {
        "3.13": "WAIT IO FS HARDWALL HIGHMEM MOVABLE COMP NOMEMALLOC NORETRY NOWARN NO_KSWAPD",
        "4.4": "IO FS HARDWALL HIGHMEM MOVABLE COMP NOMEMALLOC NORETRY NOWARN DIRECT_RECLAIM",
        "6.12": "IO FS HARDWALL HIGHMEM MOVABLE COMP NOMEMALLOC NOWARN DIRECT_RECLAIM",
    },
    "GFP_NOWAIT": {"6.1": "KSWAPD_RECLAIM", "6.12": "KSWAPD_RECLAIM NOWARN", "2.6.32": ""},
    "GFP_THISNODE": {"2.6.25": "THISNODE NOWARN NORETRY"},
}


@pytest.mark.parametrize(
    ("name", "era", "flags"),
    [(name, era, flags) for name, eras in RECIPES.items() for era, flags in eras.items()],
)
def test_composites_agree_with_the_bit_table(name: str, era: str, flags: str) -> None:
    assert COMPOSITES[era][name] == sum(BITS[era][flag] for flag in flags.split())


@pytest.mark.parametrize("era", ERAS)
def test_composites_use_only_bits_of_their_era(era: str) -> None:
    for name, raw in COMPOSITES[era].items():
        assert unknown_bits(raw, era) == 0
        assert encode_mask(composite(name, era), era) == raw


DRILL = [
    (0x20, OLD, "GFP_ATOMIC"),
    (0x4020, OLD, "GFP_ATOMIC|__GFP_COMP"),
    (0xD0, OLD, "GFP_KERNEL"),
    (0x40D0, OLD, "GFP_KERNEL|__GFP_COMP"),
    (0x10, OLD, "GFP_NOIO"),
    (0x50, OLD, "GFP_NOFS"),
    (0x204010, ("2.6.32", "3.13"), "GFP_NOIO|__GFP_COMP|__GFP_NOTRACK"),
    (0x204020, ("2.6.32", "3.13"), "GFP_ATOMIC|__GFP_COMP|__GFP_NOTRACK"),
    (0x104050, ("3.13",), "GFP_NOFS|__GFP_COMP|__GFP_KMEMCG"),
    (0x1200D2, ("2.6.25",), "GFP_HIGHUSER_MOVABLE"),
    (0x200DA, ("2.6.32", "3.13"), "GFP_HIGHUSER_MOVABLE"),
    (0x2080020, ("4.9",), "GFP_ATOMIC"),
    (0x2084020, ("4.9",), "GFP_ATOMIC|__GFP_COMP"),
    (0x2084120, ("4.9",), "GFP_ATOMIC|__GFP_COLD|__GFP_COMP"),
    (0x24000C0, ("4.9",), "GFP_KERNEL"),
    (0x14000C0, ("4.14", "4.15"), "GFP_KERNEL"),
    (0x1080020, ("4.13",), "GFP_ATOMIC"),
    (0x6000C0, ("4.19", "4.16"), "GFP_KERNEL"),
    (0x480020, ("4.19",), "GFP_ATOMIC"),
    (0x6200CA, ("4.19", "4.20"), "GFP_HIGHUSER_MOVABLE"),
    (0xCC0, ("5.0", "5.15", "6.1", "6.2"), "GFP_KERNEL"),
    (0xA20, ("5.0", "6.2"), "GFP_ATOMIC"),
    (0x40DC0, ("5.4", "6.1", "6.12"), "GFP_KERNEL|__GFP_COMP|__GFP_ZERO"),
    (0x930, ("6.12",), "GFP_ATOMIC|__GFP_ZERO|__GFP_RECLAIMABLE"),
    (0x40DC0, ("6.18",), "GFP_KERNEL|__GFP_ZERO|__GFP_COMP"),
    (0x820, ("6.3", "6.8", "6.18"), "GFP_ATOMIC"),
    (0x100CCA, ("6.12", "6.18"), "GFP_HIGHUSER_MOVABLE"),
    (0x500CC2, ("6.12", "6.18"), "GFP_HIGHUSER|__GFP_ACCOUNT"),
    (0x440DC0, ("6.18",), "GFP_KERNEL_ACCOUNT|__GFP_ZERO|__GFP_COMP"),
]


@pytest.mark.parametrize(
    ("raw", "era", "names"), [(raw, era, names) for raw, eras, names in DRILL for era in eras]
)
def test_decode_drill(raw: int, era: str, names: str) -> None:
    assert format_raw(raw, era) == names
    assert format_names(decode_mask(raw, era), era) == names
    assert parse_names(names, era) == parse_names(f"{raw:#x}", era) == decode_mask(raw, era)


@pytest.mark.parametrize(
    ("raw", "era", "text"),
    [
        (0xD0, "2.6.32", "GFP_KERNEL"),
        (0x40D0, "3.13", "GFP_KERNEL|GFP_COMP"),
        (0xC0, "2.6.32", "GFP_IO|0x80"),
        (0x12, "3.13", "GFP_NOIO|0x2"),
        (0x10, "2.6.32", "GFP_NOIO"),
        (0x30, "2.6.32", "GFP_ATOMIC|GFP_NOIO"),
        (0x2080020, "4.4", "GFP_ATOMIC"),
        (0x80060, "4.4", "GFP_HIGH|GFP_ATOMIC|GFP_IO"),
        (0x2400080, "4.4", "GFP_NOIO|0x80"),
        (0xC60, "6.1", "GFP_NOFS|__GFP_HIGH"),
        (0x1EB2, "6.18", "GFP_ATOMIC|__GFP_HIGHMEM|__GFP_RECLAIMABLE|__GFP_FS|__GFP_DIRECT_RECLAIM"
         "|__GFP_WRITE|0x200"),
        (0x4028C0, "6.12", "GFP_NOWAIT|__GFP_IO|__GFP_FS|__GFP_ACCOUNT"),
    ],
)  # fmt: skip
def test_trace_names(raw: int, era: str, text: str) -> None:
    assert format_raw(raw, era, "trace") == text


def test_nowait_of_today_swallows_nowarn() -> None:
    text = "GFP_NOWAIT|__GFP_IO|__GFP_FS|__GFP_COMP|__GFP_ACCOUNT"
    mask = parse_names(text, "6.18")
    kernel_account = composite("GFP_KERNEL_ACCOUNT", "6.18")
    assert mask == (kernel_account & ~Gfp.DIRECT_RECLAIM) | Gfp.NOWARN | Gfp.COMP
    assert format_names(mask, "6.18", "trace") == text


@pytest.mark.parametrize("era", ERAS)
def test_zero(era: str) -> None:
    legacy = era in LEGACY_ERAS
    assert format_raw(0, era, "dmesg") == ("GFP_NOWAIT" if legacy else "")
    assert format_raw(0, era, "trace") == ("GFP_NOWAIT" if legacy or era == "4.4" else "none")
    assert decode_mask(0, era) == parse_names("none", era) == (KSWAPD if legacy else 0)


@pytest.mark.parametrize("era", OLD)
def test_kernels_with_wait_always_wake_kswapd(era: str) -> None:
    assert decode_mask(0x10, era) == Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM
    assert decode_mask(0x20, era) == Gfp.HIGH | Gfp.KSWAPD_RECLAIM
    assert encode_mask(Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM, era) == 0x10


def test_no_kswapd_switches_it_off() -> None:
    mask = parse_names("GFP_KERNEL|__GFP_NO_KSWAPD", "3.13")
    assert not mask & Gfp.KSWAPD_RECLAIM
    assert encode_mask(mask, "3.13") == 0x4000D0
    assert encode_mask(int(Gfp.IO), "3.13") == 0x400040
    assert not parse_names("GFP_KERNEL|__GFP_NO_KSWAPD", "6.12") & Gfp.KSWAPD_RECLAIM


def test_repeat_and_retry_mayfail_are_one_flag_renamed() -> None:
    assert encode_mask(int(Gfp.REPEAT | Gfp.KSWAPD_RECLAIM), "6.12") == 0x4800
    assert encode_mask(int(Gfp.RETRY_MAYFAIL | Gfp.KSWAPD_RECLAIM), "2.6.32") == 0x400
    assert decode_mask(0x400, "4.9") == Gfp.REPEAT
    assert decode_mask(0x400, "4.19") == Gfp.RETRY_MAYFAIL


@given(ERA_AND_RAW)
def test_masks_round_trip(era_raw: tuple[str, int]) -> None:
    era, raw = era_raw
    assert encode_mask(decode_mask(raw, era), era) == raw


@given(ERA_AND_RAW)
def test_dmesg_names_round_trip(era_raw: tuple[str, int]) -> None:
    era, raw = era_raw
    text = format_raw(raw, era, "dmesg")
    if text:
        assert parse_names(text, era) == decode_mask(raw, era)


@given(st.sampled_from(TRACE_ERAS).flatmap(lambda era: st.tuples(st.just(era), raw_masks(era))))
def test_trace_names_round_trip(era_raw: tuple[str, int]) -> None:
    era, raw = era_raw
    text = format_raw(raw, era, "trace")
    first = text.split("|")[0]
    if era == "4.4" and first in {"GFP_TRANSHUGE", "GFP_ATOMIC", "GFP_NOWAIT"}:
        return  # composite and single bit print alike there, and so do 0 and GFP_NOWAIT
    assert parse_names(text, era) == decode_mask(raw, era)


@given(ERA_AND_RAW)
def test_parsing_twice_is_stable(era_raw: tuple[str, int]) -> None:
    era, raw = era_raw
    canonical = decode_mask(raw, era)
    if text := format_names(canonical, era):
        assert format_names(parse_names(text, era), era) == text


@pytest.mark.parametrize(
    ("text", "era", "mask"),
    [
        ("GFP_WAIT|GFP_IO", "2.6.32", Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM | Gfp.IO),
        ("__GFP_WAIT", "6.12", Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM),
        ("__GFP_RECLAIM", "6.12", Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM),
        ("__GFP_RECLAIM", "2.6.25", Gfp.DIRECT_RECLAIM | Gfp.KSWAPD_RECLAIM),
        ("__GFP_REPEAT", "6.12", Gfp.REPEAT),
        ("__GFP_ATOMIC", "6.12", Gfp.ATOMIC),
        ("GFP_COMP|__GFP_ZERO", "6.12", Gfp.COMP | Gfp.ZERO),
        ("__GFP_KMEMCG", "6.12", Gfp.KMEMCG),
        ("__GFP_RETRY_MAYFAIL", "2.6.25", Gfp.RETRY_MAYFAIL | Gfp.KSWAPD_RECLAIM),
        (" GFP_NOIO | __GFP_NOWARN ", "6.12", 0xC00 | Gfp.NOWARN),
        ("0X20", "2.6.25", Gfp.HIGH | Gfp.KSWAPD_RECLAIM),
        ("GFP_IO|0x80", "2.6.32", Gfp.IO | Gfp.FS | Gfp.KSWAPD_RECLAIM),
        ("GFP_HIGH|GFP_ATOMIC", "4.4", Gfp.HIGH | Gfp.ATOMIC),
        ("__GFP_COMP|GFP_ATOMIC", "4.4", Gfp.HIGH | Gfp.ATOMIC | KSWAPD | Gfp.COMP),
        ("0", "6.12", 0),
    ],
)
def test_words_of_any_era(text: str, era: str, mask: int) -> None:
    assert parse_names(text, era) == mask


def test_foreign_composite_takes_its_newest_meaning() -> None:
    assert parse_names("GFP_TEMPORARY", "6.12") == decode_mask(0x24000D0, "4.9")
    assert parse_names("GFP_TRANSHUGE_LIGHT", "2.6.25") & Gfp.NOWARN


@pytest.mark.parametrize(
    ("text", "column", "nearest"),
    [
        ("GFP_KERNL", 1, "GFP_KERNEL"),
        ("GFP_KERNEL|__GFP_COPM", 12, "__GFP_COMP"),
        ("GFP_KERNEL| gfp_atomc", 13, "GFP_ATOMIC"),
        ("__GFP_NOWRAN|GFP_DMA", 1, "__GFP_NOWARN"),
        ("4020", 1, "0x4020"),
        ("__COMP", 1, "__GFP_COMP"),
        ("GFP_DMA||GFP_DMA32", 9, "none"),
        ("", 1, "none"),
    ],
)
def test_unknown_words_name_column_and_nearest(text: str, column: int, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_names(text, "6.12")
    assert caught.value.column == column
    assert nearest in caught.value.hint


@pytest.mark.parametrize("text", ["0xzz", "0x", "0x100000000", "0x-1"])
def test_numbers_that_are_no_mask_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="32 bits"):
        parse_names(text, "6.12")


@pytest.mark.parametrize("raw", [-1, 1 << 32])
def test_decode_refuses_what_no_kernel_prints(raw: int) -> None:
    with pytest.raises(ConfigError):
        decode_mask(raw, "6.12")


def test_unknown_bits_are_told_and_dropped() -> None:
    assert unknown_bits(0x80000020, "2.6.25") == 0x80000000
    assert decode_mask(0x80000020, "2.6.25") == decode_mask(0x20, "2.6.25")
    assert format_raw(0x80000020, "2.6.25") == "GFP_ATOMIC|0x80000000"


def test_composite_of_another_era_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"GFP_KERNEL_ACCOUNT is not a mask of 3\.13"):
        composite("GFP_KERNEL_ACCOUNT", "3.13")


@pytest.mark.parametrize(
    ("release", "era"),
    [("6.18", "6.18"), ("6.8", "6.12"),
     ("5.15", "6.1"), ("4.15.0-99", "4.14"), ("4.12", "4.9"), ("4.5", "4.4"),
     ("3.18", "3.13"), ("2.6.31", "2.6.32"), ("2.6.24", "2.6.25")],
)  # fmt: skip
def test_era_of_a_release(release: str, era: str) -> None:
    assert era_of(release) == era

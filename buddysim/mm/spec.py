"""What a machine is made of: nodes, zones, cpus, sysctls (fact sheet 2.1, 3, 7.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buddysim.errors import ConfigError
from buddysim.units import PAGE_SIZE, format_bytes, parse_bytes

if TYPE_CHECKING:
    from buddysim.mm.state import ZoneState

__all__ = ["ZONE_INDEX", "MachineSpec", "Sysctl", "ZoneSpec"]

ZONE_INDEX = {"DMA": 0, "DMA32": 1, "Normal": 2, "HighMem": 3, "Movable": 4}
"""One numbering for every architecture; a request's class index uses it too."""

DMA_END = 4096
DMA32_END = 1 << 20
MIN_PAGES = 1024
MAX_BYTES = 1 << 40
_PRESENT_DMA = 3998
_MANAGED_DMA = 3840


@dataclass(frozen=True)
class Sysctl:
    """The knobs under /proc/sys/vm that the allocator reads.  None = the kernel's own choice."""

    min_free_kbytes: int | None = None
    watermark_scale_factor: int = 10
    watermark_boost_factor: int = 15000
    lowmem_reserve_ratio: tuple[int, ...] = (256, 256, 32, 0, 0)
    extfrag_threshold: int = 500
    percpu_pagelist_high_fraction: int = 0

    def with_setting(self, text: str) -> Sysctl:
        """A copy with one ``name=value`` applied.  Raises ConfigError."""
        name, equals, value = text.partition("=")
        known = {entry.name for entry in fields(self)}
        name = name.strip().removeprefix("vm.")
        if not equals or name not in known:
            raise ConfigError(
                f"sysctl {text!r}",
                expected="NAME=VALUE with NAME one of " + ", ".join(sorted(known)),
            )
        return self.with_value(name, value)

    def with_value(self, name: str, value: str | int | list[int]) -> Sysctl:
        """A copy with one knob set from text, a number or a list.  Raises ConfigError."""
        try:
            if name == "lowmem_reserve_ratio":
                numbers = value.replace(",", " ").split() if isinstance(value, str) else value
                ratio = tuple(int(number) for number in numbers)  # type: ignore[union-attr]  # a bare number raises TypeError, reported below
                parsed: Any = (*ratio, 0, 0, 0, 0, 0)[:5]
                low = min(parsed)
            else:
                parsed = low = int(value)  # type: ignore[arg-type]  # a list raises TypeError, reported below
        except (TypeError, ValueError):
            raise ConfigError(f"sysctl {name}={value}", expected="whole numbers") from None
        if low < 0:
            raise ConfigError(f"sysctl {name}={value}", expected="a number that is not negative")
        return replace(self, **{name: parsed})


@dataclass(frozen=True)
class ZoneSpec:
    """One zone.  Pages.  ``free_counts`` or ``state`` say what is free; neither: all of it.

    ``free_counts`` maps (order, migratetype) to blocks and is placed by a fixed rule
    (``mm/layout.py``); ``pageblock_counts`` maps migratetype to pageblocks.
    """

    name: str
    start_pfn: int
    spanned: int
    node: int = 0
    present: int = 0
    managed: int = 0
    cma_pages: int = 0
    marks: tuple[int, int, int] | None = None
    """min, low, high without boost; None = computed."""
    boost: int = 0
    lowmem_reserve: tuple[int, ...] | None = None
    free_counts: dict[tuple[int, int], int] | None = None
    pageblock_counts: dict[int, int] | None = None
    nr_reserved_highatomic: int = 0
    state: ZoneState | None = None

    @property
    def zone_index(self) -> int:
        """Universal zone index.  Raises ConfigError for an unknown zone name."""
        if self.name not in ZONE_INDEX:
            raise ConfigError(f"zone {self.name!r}", expected=", ".join(ZONE_INDEX))
        return ZONE_INDEX[self.name]


@dataclass(frozen=True)
class MachineSpec:
    """A whole machine, before it is built."""

    zones: tuple[ZoneSpec, ...]
    profile: str = "6.12"
    ncpus: int = 1
    sysctl: Sysctl = field(default_factory=Sysctl)
    pageblock_order: int = 9
    thp: bool = True
    """THP compiled in: order-9 pages are cached per cpu."""
    smp_drift: bool = False
    """Model the per-cpu lag of NR_FREE_PAGES (fact sheet 3.6); off unless a recording asks."""
    has_dma32: bool = True
    in_use: tuple[tuple[int, int], ...] = ()
    """(pfn, order) of blocks taken out of the free ones when the machine is built."""
    origin: str = ""
    """Where the start state came from, in words, for the report."""

    @classmethod
    def from_mem(
        cls,
        nr_bytes: int,
        *,
        profile: str = "6.12",
        ncpus: int = 1,
        sysctl: Sysctl | None = None,
    ) -> MachineSpec:
        """A one-node x86-64 machine of a size: DMA, DMA32, and Normal above 4 GiB.

        Up to 64 MiB there is a single zone, Normal, so that small teaching machines behave
        simply; documented in the README.  Raises ConfigError below 4 MiB or above 1 TiB.
        """
        nr_pages = nr_bytes // PAGE_SIZE
        if nr_pages < MIN_PAGES or nr_bytes > MAX_BYTES:
            raise ConfigError(f"memory size {format_bytes(nr_bytes)}", expected="4M to 1T")
        if nr_pages <= 16384:
            zones: tuple[ZoneSpec, ...] = (_zone("Normal", 0, nr_pages),)
        else:
            zones = (
                ZoneSpec("DMA", 1, DMA_END - 1, present=_PRESENT_DMA, managed=_MANAGED_DMA),
                _zone("DMA32", DMA_END, min(nr_pages, DMA32_END) - DMA_END),
            )
            if nr_pages > DMA32_END:
                zones += (_zone("Normal", DMA32_END, nr_pages - DMA32_END),)
        return cls(
            zones=zones,
            profile=profile,
            ncpus=ncpus,
            sysctl=sysctl or Sysctl(),
            has_dma32=nr_pages > 16384,
            origin=f"--mem {format_bytes(nr_bytes)}: every page free, as after boot",
        )

    @classmethod
    def from_toml(cls, path: Path, *, profile: str | None = None) -> MachineSpec:
        """Read a machine file.  Raises ConfigError naming the file and the key."""
        import tomllib

        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"cannot read machine file: {error}", path=str(path)) from None
        return _from_table(data, str(path), profile)


def _zone(name: str, start_pfn: int, nr_pages: int) -> ZoneSpec:
    return ZoneSpec(name, start_pfn, nr_pages, present=nr_pages, managed=nr_pages)


_MACHINE_KEYS = {"profile", "cpus", "pageblock_order", "thp", "sysctl", "zone"}
_ZONE_KEYS = {"name", "start_pfn", "size", "pages", "node", "managed", "cma", "free"}


def _from_table(data: dict[str, Any], path: str, profile: str | None) -> MachineSpec:
    _check_keys(data, _MACHINE_KEYS, path, "machine file")
    sysctl = Sysctl()
    for name, value in data.get("sysctl", {}).items():
        if name not in {entry.name for entry in fields(Sysctl)}:
            raise ConfigError(f"unknown sysctl {name!r}", path=path)
        sysctl = sysctl.with_value(name, value)
    zones = tuple(_zone_from_table(table, path) for table in data.get("zone", []))
    if not zones:
        raise ConfigError("no [[zone]] table", path=path, expected="at least one zone")
    names = {zone.name for zone in zones}
    return MachineSpec(
        zones=zones,
        profile=profile or str(data.get("profile", "6.12")),
        ncpus=int(data.get("cpus", 1)),
        sysctl=sysctl,
        pageblock_order=int(data.get("pageblock_order", 9)),
        thp=bool(data.get("thp", True)),
        has_dma32="DMA32" in names,
        origin=f"machine file {path}",
    )


def _check_keys(table: dict[str, Any], known: set[str], path: str, where: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(
                f"unknown key {key!r} in {where}", path=path, expected=", ".join(sorted(known))
            )


def _zone_from_table(table: dict[str, Any], path: str) -> ZoneSpec:
    _check_keys(table, _ZONE_KEYS, path, "[[zone]]")
    for key in ("name", "start_pfn"):
        if key not in table:
            raise ConfigError(f"[[zone]] without {key}", path=path)
    if "size" in table:
        pages = parse_bytes(str(table["size"])) // PAGE_SIZE
    else:
        pages = int(table.get("pages", 0))
    if pages <= 0:
        raise ConfigError(
            f"zone {table['name']!r} has no pages", path=path, expected="size or pages"
        )
    zone = ZoneSpec(
        name=str(table["name"]),
        start_pfn=int(table["start_pfn"]),
        spanned=pages,
        node=int(table.get("node", 0)),
        present=pages,
        managed=int(table.get("managed", pages)),
        cma_pages=int(table.get("cma", 0)),
        free_counts=_free_counts(table.get("free"), path),
    )
    _ = zone.zone_index
    return zone


def _free_counts(table: dict[str, Any] | None, path: str) -> dict[tuple[int, int], int] | None:
    """``free = {movable = [11 counts], unmovable = [...]}`` to (order, type) -> blocks."""
    if table is None:
        return None
    numbers = {"unmovable": 0, "movable": 1, "reclaimable": 2, "highatomic": 3, "cma": 4}
    counts: dict[tuple[int, int], int] = {}
    for name, row in table.items():
        if name not in numbers or not isinstance(row, list) or len(row) != 11:
            raise ConfigError(
                f"free.{name}", path=path, expected="a migratetype with a list of 11 block counts"
            )
        for order, blocks in enumerate(row):
            if blocks:
                counts[order, numbers[name]] = int(blocks)
    return counts

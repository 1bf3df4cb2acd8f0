"""The formulas against every machine and sysctl setting recorded from a real 6.12 kernel."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from buddysim.kernel.pcp import pcp_sizes
from buddysim.kernel.profile import profile_of
from buddysim.kernel.watermark import (
    Watermarks,
    lowmem_reserve,
    pressure_stat_threshold,
    stat_threshold,
    totalreserve,
    zone_watermarks,
)

MODERN = profile_of("6.12")
NOT_LOWMEM = {"HighMem", "Movable"}
MARKS = ("wmark_min", "wmark_low", "wmark_high", "wmark_promo")
ZONES = ("DMA", "DMA32", "Normal", "Movable")


def settings(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(sysctl, first snapshot) of one recording for each machine and variant."""
    found: dict[tuple[str, str], Path] = {}
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            meta = json.loads(lines.readline())
        found.setdefault((meta["machine"], json.dumps(meta["sysctl"], sort_keys=True)), file)
    return [_first_snapshot(file) for file in found.values()]


def _first_snapshot(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        meta = json.loads(lines.readline())
        for line in lines:
            if line.startswith(('{"op":"snap"', '{"op":"snapz"')):
                return meta["sysctl"], json.loads(line)
    raise AssertionError(f"{file} has no snapshot")


@pytest.fixture(scope="module")
def recorded(oracle_dir: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    found = settings(oracle_dir / "x86-watermarks") + settings(oracle_dir / "x86-buddy-exact")
    assert len(found) >= 8
    return found


def rewritten(sysctl: dict[str, Any]) -> bool:
    """A knob was written after boot, so the kernel computed anew with today's managed pages.

    Otherwise marks and pcp sizes date from boot, before the kernel freed its init memory.
    """
    return bool(sysctl["watermark_scale_factor"] != 10 or sysctl["percpu_pagelist_high_fraction"])


def test_marks(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    exact = 0
    for sysctl, snapshot in recorded:
        zones = snapshot["zones"]
        lowmem = sum(zone["managed"] for zone in zones if zone["zone"] not in NOT_LOWMEM)
        for zone in zones:
            marks = zone_watermarks(
                zone["managed"],
                lowmem,
                sysctl["min_free_kbytes"],
                MODERN,
                scale_factor=sysctl["watermark_scale_factor"],
                is_lowmem=zone["zone"] not in NOT_LOWMEM,
            )
            printed = Watermarks(*(zone[name] for name in MARKS))
            if sysctl["watermark_scale_factor"] != 10:
                assert marks == printed
                exact += 1
            else:
                assert marks.high == pytest.approx(printed.high, rel=0.05, abs=2)
    assert exact >= 3


def test_reserves_and_their_total(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for sysctl, snapshot in recorded:
        total = 0
        for node in {zone["node"] for zone in snapshot["zones"]}:
            mine = {zone["zone"]: zone for zone in snapshot["zones"] if zone["node"] == node}
            managed = [mine[name]["managed"] if name in mine else 0 for name in ZONES]
            rows = lowmem_reserve(managed, sysctl["lowmem_reserve_ratio"], MODERN)
            for name, zone in mine.items():
                row = rows[ZONES.index(name)]
                assert list(row) == zone["lowmem_reserve"]
                total += totalreserve(row, zone["wmark_high"], zone["managed"])
        assert total == snapshot["totalreserve_pages"]


def test_pcp_sizes(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    exact = 0
    for sysctl, snapshot in recorded:
        for zone in snapshot["zones"]:
            sizes = pcp_sizes(
                zone["managed"],
                zone["wmark_low"],
                MODERN,
                local_cpus=len(zone["pcp"]),
                high_fraction=sysctl["percpu_pagelist_high_fraction"],
            )
            for cpu in zone["pcp"]:
                assert sizes.batch == cpu["batch"]
                if rewritten(sysctl):
                    assert sizes == (cpu["batch"], cpu["high_min"], cpu["high_max"])
                    exact += 1
                else:
                    assert sizes.high_max == pytest.approx(cpu["high_max"], rel=0.05)
    assert exact >= 6


def test_drift_thresholds(recorded: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for _, snapshot in recorded:
        for zone in snapshot["zones"]:
            ncpus = len(zone["pcp"])
            marks = Watermarks(*(zone[name] for name in MARKS))
            possible = {stat_threshold(zone["managed"], ncpus)}
            possible.add(pressure_stat_threshold(marks, ncpus))
            assert zone["stat_threshold"] in possible

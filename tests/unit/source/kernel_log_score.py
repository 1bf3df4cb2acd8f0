"""Compare parsed logs with ground truth, field by field; not shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buddysim.explain.caller import caller_of_report
from buddysim.source.kernel_log import parse_log_file
from buddysim.source.kernel_log_model import FailureReport, ZoneReport

CAUSES = {
    "reserve-exhausted(watermark)": "below-watermark",
    "fragmentation": "fragmented",
    "true-exhaustion": "exhausted",
    "cma-only-free": "reserved",
    "zone-restricted": "zone-restricted",
    "impossible-request": "impossible-order",
    "unknown-truncated": "unknown",
    "other": "other",
}


@dataclass
class Score:
    """Counts of what was compared and what differed."""

    wanted: int = 0
    found: int = 0
    extra: int = 0
    fields: int = 0
    right: int = 0
    callers: int = 0
    callers_right: int = 0
    misses: list[str] = field(default_factory=list)


def pairs(folder: Path) -> Iterator[tuple[str, dict[str, Any], FailureReport | None]]:
    """Every true report with the parsed one at its line and kind."""
    for path in sorted(folder.glob("[0-9]*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        parsed = {(r.line, r.kind): r for r in parse_log_file(path.with_suffix(".txt")).reports}
        for report in truth["reports"]:
            yield truth["id"], report, parsed.get((report["line"], report["kind"]))


def score(folder: Path) -> Score:
    """Score every file of a folder."""
    result = Score()
    for path in sorted(folder.glob("[0-9]*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        logs = parse_log_file(path.with_suffix(".txt"))
        parsed = {(r.line, r.kind): r for r in logs.reports}
        wanted = {(r["line"], r["kind"]) for r in truth["reports"]}
        for key in parsed.keys() - wanted:
            result.extra += 1
            result.misses.append(f"{truth['id']} extra {key}")
        said = {(entry.function, entry.count) for entry in logs.suppressed}
        for entry in truth["suppressed_callbacks"]:
            _same(
                result, truth["id"], "suppressed", True, (entry["function"], entry["count"]) in said
            )
    for name, report, parsed_report in pairs(folder):
        result.wanted += 1
        where = f"{name}:{report['line']}"
        if parsed_report is None:
            result.misses.append(f"{where} not found {report['kind']}")
            continue
        result.found += 1
        _score_report(result, where, report, parsed_report)
    return result


def _score_report(result: Score, where: str, report: dict[str, Any], parsed: FailureReport) -> None:
    for key in ("comm", "order", "mode", "gfp"):
        _same(result, where, key, report[key], getattr(parsed, key))
    _same(result, where, "mem_info", report["mem_info"], parsed.has_mem_info)
    _same(result, where, "zones", len(report["zones"]), len(parsed.zones))
    zones = {(zone.node, zone.name): zone for zone in parsed.zones}
    for zone in report["zones"]:
        _score_zone(result, where, zone, zones.get((zone["node"], zone["name"])))
    if report["caller"] is not None:
        result.callers += 1
        caller = caller_of_report(parsed)
        if caller in {report["caller"], *report["caller_alternatives"]}:
            result.callers_right += 1
        else:
            result.misses.append(f"{where} caller {caller} != {report['caller']}")


def _score_zone(result: Score, where: str, zone: dict[str, Any], parsed: ZoneReport | None) -> None:
    parsed = parsed or ZoneReport("missing")
    where = f"{where} {zone['name']}"
    for key in ("free", "boost", "min", "low", "high"):
        _same(result, where, key, zone[f"{key}_kb"], parsed.numbers.get(key))
    _same(result, where, "reserve", zone["lowmem_reserve_pages"], parsed.lowmem_reserve)
    _same(result, where, "blocks", zone["blocks"], parsed.blocks)
    _same(result, where, "letters", zone["block_types"], parsed.letters if parsed.blocks else None)
    _same(result, where, "total", zone["blocks_total_kb"], parsed.blocks_total_kb)


def _same(result: Score, where: str, key: str, wanted: object, got: object) -> None:
    result.fields += 1
    if wanted == got:
        result.right += 1
    else:
        result.misses.append(f"{where} {key}: {got!r} != {wanted!r}")

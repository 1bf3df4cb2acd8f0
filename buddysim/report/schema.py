"""JSON Schema (draft 2020-12) of the report document, for programs that read it."""

from __future__ import annotations

from typing import Any

from buddysim.kernel.constants import NR_PAGE_ORDERS

__all__ = ["report_schema"]

_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_VERDICTS = ["handles", "mishandles", "untested"]


def _per_order(entry: dict[str, Any]) -> dict[str, Any]:
    size = NR_PAGE_ORDERS
    return {"type": "array", "items": entry, "minItems": size, "maxItems": size}


def _record(**members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": sorted(members), "properties": members}


def _rows(**members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": _record(**members)}


def _per_zone(entry: dict[str, Any]) -> dict[str, Any]:
    """One entry for each of the document's ``zones``, in their order."""
    return {"type": "array", "items": entry, "minItems": 1}


_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_HOLDINGS = _rows(caller=_TEXT, pages=_COUNT, blocks=_COUNT)


def report_schema(verb: str = "replay") -> dict[str, Any]:
    """The schema of ``buddysim VERB --format json`` for ``replay`` and ``run``.

    Members beyond those listed may be added within version 1; those listed stay.
    """
    index = _per_order({"type": "number"})
    document = _record(
        schema={"const": f"buddysim/{verb}/1"},
        buddysim=_TEXT,
        build={"enum": ["compiled", "interpreted"]},
        profile=_TEXT,
        seed={"type": "integer"},
        trace=_record(
            path=_TEXT, format=_TEXT, events=_COUNT, skipped_lines=_COUNT, reconciled=_COUNTS
        ),
        events_per_second={"type": "number", "minimum": 0},
        allocations=_record(
            attempted=_COUNT, succeeded=_COUNT, failed_natural=_COUNT, failed_injected=_COUNT,
            failed_by_cause=_COUNTS, by_order=_per_order(_COUNT), by_gfp=_COUNTS,
        ),
        warnings=_record(
            policy=_TEXT, emitted=_COUNT, suppressed_by_ratelimit=_COUNT,
            suppressed_by_nowarn=_COUNT, by_caller=_COUNTS,
        ),
        zones=_rows(
            name=_TEXT, free_pages=_COUNT, nr_free=_per_order(_COUNT), min_pages=_COUNT,
            low_pages=_COUNT, high_pages=_COUNT, unusable_index=index, extfrag_index=index,
        ),
        vmstat={"type": "object"},
        callers=_rows(
            caller=_TEXT, verdict={"enum": _VERDICTS}, attempted=_COUNT, failed=_COUNT,
            injected=_COUNT, warned=_COUNT, findings={"type": "array", "items": _TEXT},
        ),
        findings=_rows(
            code={"type": "string", "pattern": "^BS[0-9]{3}$"}, name=_TEXT,
            severity={"enum": ["note", "warning", "error"]}, caller=_TEXT,
            origin={"enum": ["natural", "injected", "observed"]}, message=_TEXT,
            evidence=_rows(
                event={"type": "integer"}, line={"type": "integer"},
                time_ns={"type": "integer"}, what=_TEXT,
            ),
            repro=_TEXT,
        ),
        failures=_rows(
            event=_COUNT, caller=_TEXT, order=_COUNT, cause=_TEXT,
            origin={"enum": ["natural", "injected", "observed"]},
            holders=_HOLDINGS, in_the_way=_HOLDINGS,
        ),
        samples=_rows(
            event=_COUNT, time_ns={"type": "integer"}, free_pages=_per_zone({"type": "integer"}),
            largest_order=_per_zone({"type": "integer", "minimum": -1, "maximum": 10}),
            nr_free=_per_zone(_per_order(_COUNT)),
            unusable_index=_per_zone({"type": "array", "items": _SHARE}),
            failed=_COUNT, live_pages=_COUNT, earlier_pages=_COUNT,
        ),
        occupancy=_rows(
            caller=_TEXT, peak_pages=_COUNT, pages={"type": "array", "items": _COUNT},
        ),
    )  # fmt: skip
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}

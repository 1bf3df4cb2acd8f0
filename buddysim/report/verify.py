"""The document of ``buddysim verify`` (schema ``buddysim/verify/1``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from buddysim.replay.engine import core_build
from buddysim.replay.verify_case import CaseResult

__all__ = ["verify_report"]


def verify_report(results: Sequence[CaseResult]) -> dict[str, Any]:
    """Cases, totals by set, and the grand total; JSON-ready."""
    sets: dict[str, list[CaseResult]] = {}
    for result in results:
        sets.setdefault(result.set, []).append(result)
    return {
        "schema": "buddysim/verify/1",
        "build": core_build(),
        "cases": [_case(result) for result in results],
        "sets": {name: _total(members) for name, members in sorted(sets.items())},
        "total": _total(results),
    }


def _case(result: CaseResult) -> dict[str, Any]:
    return {**asdict(result), "exact": result.exact, "notes": list(result.notes)}


def _total(results: Sequence[CaseResult]) -> dict[str, int]:
    return {
        "cases": len(results),
        "exact": sum(result.exact for result in results),
        "ops": sum(result.ops for result in results),
        "pfn_checked": sum(result.pfn_checked for result in results),
        "pfn_exact": sum(result.pfn_exact for result in results),
        "outcome_exact": sum(result.outcome_exact for result in results),
    }

"""Findings as SARIF 2.1.0, for code hosts that annotate the source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from buddysim.findings.registry import RULES

__all__ = ["sarif_text"]

Row = Mapping[str, Any]
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_text(report: Row) -> str:
    """One SARIF run.  Levels are the severities; results point at the caller's file and line."""
    run = {
        "tool": {
            "driver": {
                "name": "buddysim",
                "version": report["buddysim"],
                "rules": [_rule(code) for code in _codes(report)],
            }
        },
        "results": [_result(finding) for finding in report["findings"]],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _codes(report: Row) -> list[str]:
    return sorted({finding["code"] for finding in report["findings"]})


def _rule(code: str) -> dict[str, Any]:
    rule = next((rule for rule in RULES if rule.code == code), None)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "name": rule.name,
        "shortDescription": {"text": rule.what},
        "help": {"text": f"{rule.why}\n\nInstead: {rule.use_instead}"},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(finding: Row) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding["code"],
        "level": finding["severity"],
        "message": {"text": f"{finding['caller']}: {finding['message']} [{finding['origin']}]"},
        "partialFingerprints": {"callerAndCode/v1": f"{finding['caller']}/{finding['code']}"},
        "properties": {
            "caller": finding["caller"],
            "origin": finding["origin"],
            "plausibility": finding["plausibility"],
            "repro": finding["repro"],
        },
    }
    if finding["path"] and finding["evidence"]:
        places = [_location(finding["path"], entry) for entry in finding["evidence"]]
        result["locations"] = places[:1]
        result["relatedLocations"] = [
            {"id": number, **place} for number, place in enumerate(places[1:], 1)
        ]
    return result


def _location(path: str, entry: Row) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(path)},
            "region": {"startLine": max(entry["line"], 1)},
        },
        "message": {"text": entry["what"]},
    }


def _uri(path: str) -> str:
    """Relative to the working folder, as code hosts want it; else an absolute file URI."""
    whole = Path(path).absolute()
    here = Path.cwd()
    return quote(whole.relative_to(here).as_posix()) if here in whole.parents else whole.as_uri()

"""Counters of a run as Prometheus text exposition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from buddysim.errors import ConfigError

__all__ = ["prometheus_text"]

Row = Mapping[str, Any]


def prometheus_text(report: Row) -> str:
    """Failures, warnings and findings by caller.  Raises ConfigError without prometheus-client."""
    try:
        from prometheus_client import CollectorRegistry, Gauge, generate_latest
    except ImportError:
        raise ConfigError(
            "--format prometheus needs prometheus-client", hint="pip install buddysim[prometheus]"
        ) from None
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"buddysim_{name}", text, labels, registry=registry)

    asked = gauge("allocations", "Requests made.", "caller")
    failed = gauge("allocation_failures", "Requests that failed.", "caller", "origin")
    mishandles = gauge("caller_mishandles", "1 when the caller mishandles failures.", "caller")
    for row in report["callers"]:
        asked.labels(row["caller"]).set(row["attempted"])
        for origin in ("natural", "injected"):
            failed.labels(row["caller"], origin).set(row[origin])
        mishandles.labels(row["caller"]).set(row["verdict"] == "mishandles")
    found = gauge("findings", "Findings.", "code", "severity", "caller")
    for finding in report["findings"]:
        found.labels(finding["code"], finding["severity"], finding["caller"]).inc()
    counted = gauge("counter", "What callers counted.", "name")
    for name, value in report.get("counters", {}).items():
        counted.labels(name).set(value)
    return generate_latest(registry).decode()

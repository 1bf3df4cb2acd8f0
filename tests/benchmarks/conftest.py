"""Benchmarks run when they are asked for by name: ``pytest tests/benchmarks``."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the benchmarks of a run over all tests out."""
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    if ours and "benchmarks" not in " ".join(config.args):
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)

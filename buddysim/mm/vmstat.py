"""Event counters under the names of /proc/vmstat (fact sheet 12.1)."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["VmStat"]


class VmStat:
    """Counters that start at 0 and only grow; unknown names read as 0."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, name: str, amount: int = 1) -> None:
        """Count ``amount`` more of ``name``."""
        self._counts[name] = self._counts.get(name, 0) + amount

    def __getitem__(self, name: str) -> int:
        return self._counts.get(name, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._counts))

    def as_dict(self) -> dict[str, int]:
        """A sorted copy."""
        return dict(sorted(self._counts.items()))

    def restore(self, counts: dict[str, int]) -> None:
        """Go back to an earlier ``as_dict()``."""
        self._counts = dict(counts)

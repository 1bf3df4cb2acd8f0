"""Numbers that claims speak about, read from the results of replays."""

from __future__ import annotations

from buddysim.replay.outcome import RunResult

__all__ = ["caller_rows", "free_pages"]


def caller_rows(run: RunResult) -> tuple[tuple[str, ...], ...]:
    """Caller, attempted, worked, failed: one row a caller, by name."""
    rows = sorted(run.callers, key=lambda stats: stats.caller)
    return tuple(
        (row.caller, f"{row.attempted}", f"{row.attempted - row.failed}", f"{row.failed}")
        for row in rows
    )


def free_pages(run: RunResult) -> int:
    """Free pages of all zones at the end."""
    return sum(zone.free_pages for zone in run.zones)

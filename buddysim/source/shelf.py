"""Where readers put the rows of their batches."""

from __future__ import annotations

from array import array

from buddysim.source.event import EventBatch

__all__ = ["Shelf"]


class Shelf:
    """Here: into arrays that belong to nobody else."""

    def batch(self, first: int, rows: int) -> EventBatch:
        """A batch of so many rows, without columns; ``first``: index of row 0 in the trace."""
        del rows
        return EventBatch(first)

    def put(
        self, batch: EventBatch, name: str, column: array[int], start: int, stop: int
    ) -> array[int] | memoryview[int] | None:
        """Give a batch its column: a copy of these rows.

        Returns the copy, which may still be changed, or None where all rows are alike.
        """
        rows = column[start:stop]
        setattr(batch, name, rows)
        return rows

"""Lives that are undone: a replay goes on for a while, and then none of it has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from buddysim.mm.zone_mark import ZoneMark

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Rehearsal"]

_MOVERS = ("pgmigrate_success", "pgsteal_direct", "pgsteal_kswapd")
"""Counters of everything that changes the page cache."""


class Rehearsal:
    """Undoes what happens to a run's machine and live blocks between begin and undo.

    :meth:`begin` and :meth:`undo` are O(zones) and O(writes between).  What only the slow path
    changes is not cheap to keep, so whoever may enter it calls :meth:`keep_books` before.
    """

    def __init__(self, run: Run) -> None:
        self._machine = run.machine
        self._ledger = run.ledger
        self._marks = [ZoneMark(zone) for zone in run.machine.zones]
        self._books: tuple[dict[str, int], dict[str, Any]] | None = None
        self._lru: dict[int, bool] = {}
        self._lru_moves: tuple[int, ...] = ()
        self._small: tuple[int, ...] = ()
        self._stop_journals()

    def begin(self) -> None:
        """From here on everything can be undone."""
        machine = self._machine
        for mark in self._marks:
            mark.save()
            mark.zone.extfrag_logging = False
        self._ledger.live.journaling = True
        self._small = (
            machine.clock_ns,
            machine.allocator.slow_path_entries,
            machine.allocator.boost_wakes,
            self._ledger.cursor,
        )
        self._books = None

    def keep_books(self) -> None:
        """Keep what the slow path may change as well."""
        if self._books is not None:
            return
        machine = self._machine
        self._books = (machine.vmstat.as_dict(), dict(machine.notebook))
        moves = tuple(machine.vmstat[name] for name in _MOVERS)
        if moves != self._lru_moves or len(self._lru) != len(machine.lru):
            self._lru, self._lru_moves = dict(machine.lru), moves

    def undo(self) -> None:
        """Back to where :meth:`begin` was called."""
        machine = self._machine
        for mark in self._marks:
            mark.restore()
            mark.zone.extfrag_logging = True
        self._ledger.live.roll_back(0)
        (
            machine.clock_ns,
            machine.allocator.slow_path_entries,
            machine.allocator.boost_wakes,
            self._ledger.cursor,
        ) = self._small
        if self._books is not None:
            self._restore_books(*self._books)
        self._stop_journals()

    def _restore_books(self, vmstat: dict[str, int], notebook: dict[str, Any]) -> None:
        machine = self._machine
        if tuple(machine.vmstat[name] for name in _MOVERS) != self._lru_moves:
            machine.lru = dict(self._lru)
        machine.vmstat.restore(vmstat)
        machine.notebook = dict(notebook)
        machine.last_failure = None

    def _stop_journals(self) -> None:
        for mark in self._marks:
            mark.zone.keep_journal(False)
            mark.zone.journal_used = 0
        self._ledger.live.journaling = False
        self._ledger.live.journal_used = 0

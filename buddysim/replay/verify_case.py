"""The verdict over one recording, as every check of ``verify`` returns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from buddysim.replay.verify_prediction import Prediction

__all__ = ["CaseResult", "Differences", "EndState"]


@dataclass
class EndState:
    """Whether each part of the machine ended as the kernel's did; None = not recorded."""

    free_lists: bool | None = True
    pageblocks: bool | None = True
    pcp: bool | None = True
    nr_free: bool | None = True


def _not_recorded() -> EndState:
    return EndState(None, None, None, None)


@dataclass(frozen=True)
class CaseResult:
    """One recording compared with the simulator.

    ``ops``: operations of the recording; ``pfn_checked``/``pfn_exact``: page frame numbers
    compared and equal; ``outcome_exact``: every success, failure, printed or suppressed warning
    came out as recorded.  ``first_divergence``: line, expected, got, and what else tells them
    apart; None when everything agreed.
    """

    case: str
    set: str
    ops: int
    pfn_checked: int = 0
    pfn_exact: int = 0
    outcome_exact: bool = True
    first_divergence: dict[str, Any] | None = None
    end_state: EndState = field(default_factory=_not_recorded)
    notes: tuple[str, ...] = ()
    """What was taken from the recording instead of predicted, and what was not compared."""
    prediction: Prediction | None = None
    """Of system-wide traces: what model placement foresaw."""

    @property
    def exact(self) -> bool:
        """Nothing differed."""
        parts = (
            self.end_state.free_lists,
            self.end_state.pageblocks,
            self.end_state.pcp,
            self.end_state.nr_free,
        )
        return (
            self.outcome_exact
            and self.pfn_checked == self.pfn_exact
            and self.first_divergence is None
            and False not in parts
        )


class Differences:
    """Remembers the first difference of a case; later ones only count."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.count = 0

    def compare(self, line: int, what: str, expected: object, got: object, **state: object) -> bool:
        """True when equal.  ``line``: of the recording or its log, from 1; 0 = the whole file."""
        if expected == got:
            return True
        self.count += 1
        if self.first is None:
            self.first = {"line": line, "op": what, "expected": expected, "got": got}
            if state:
                self.first["state"] = state
        return False

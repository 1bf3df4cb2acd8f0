"""One trace under many values of one knob: from which value on does no request fail any more?

What must disappear are the failures that the simulated machine produces by itself, and those of
the recording (*observed*) for which it has no page either.  Injected failures are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.replay.processes import Tell, run_each
from buddysim.replay.what_if import Knob
from buddysim.source.event import CallerBy, Trace
from buddysim.source.open import open_trace

__all__ = ["MAX_RUNS", "Sweep", "Trial", "sweep"]

MAX_RUNS = 16
_GRID = 8
_CUTS = 2
"""Values tried at once to come closer, whatever the number of jobs: the curve must not depend on
the machine it was computed on."""
_CLOSE_ENOUGH = 0.01
"""Distance of the last failing value from the first sufficient one, as a share of it."""


@dataclass(frozen=True)
class Trial:
    """What one value of the knob led to."""

    value: int
    attempted: int
    natural: int
    observed: int
    served: int
    """Of the observed, those for which the simulated machine had a page."""
    injected: int
    failed_by_cause: dict[str, int]
    """Of every origin but injected."""
    digest: str

    @property
    def remaining(self) -> int:
        """Failures that this value does not prevent."""
        return self.natural + self.observed - self.served


@dataclass
class Sweep:
    """The curve, by value, and what it says."""

    path: str
    config: ReplayConfig
    knob: Knob
    trials: list[Trial] = field(default_factory=list)
    """From the smallest change to the largest."""
    base: RunResult | None = None
    """The run at the present value; None when interrupted before."""
    interrupted: bool = False

    @property
    def found(self) -> Trial | None:
        """The first value at which nothing remains."""
        return next((trial for trial in self.trials if not trial.remaining), None)

    @property
    def last_failing(self) -> Trial | None:
        """The value tried just before the one found."""
        found = self.found
        if found is None or found is self.trials[0]:
            return None
        return self.trials[self.trials.index(found) - 1]

    @property
    def monotone(self) -> bool:
        """Does a larger change never leave more failures than a smaller one?"""
        counts = [trial.remaining for trial in self.trials]
        return all(after <= before for before, after in pairwise(counts))


def sweep(
    path: str,
    config: ReplayConfig,
    knob: Knob,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Try values of ``knob``: a coarse grid first, then closer and closer to the smallest that
    suffices (to where fewest failures remain if none does).

    At most MAX_RUNS replays, ``jobs`` at a time, each reopening the trace; which ones does not
    depend on ``jobs``.  ``progress`` gets the runs done and their greatest number.  Ctrl-C leaves
    the curve so far.

    Raises TraceError, ConfigError, FaultSpecError.
    """
    return _Sweeper(Sweep(path, config, knob), jobs, progress).sweep()


class _Sweeper:
    """Runs, and decides which values come next."""

    def __init__(
        self, result: Sweep, jobs: int, progress: Callable[[int, int], None] | None
    ) -> None:
        self._result = result
        self._knob = result.knob
        self._jobs = jobs
        self._progress = progress
        self._by_value: dict[int, Trial] = {}

    def sweep(self) -> Sweep:
        """Everything."""
        try:
            self._try([self._knob.now, *self._knob.grid(_GRID)])
            while self._knob.resolution and (values := self._closer()):
                self._try(values)
        except KeyboardInterrupt:
            self._result.interrupted = True
        return self._result

    def _try(self, values: Iterable[int]) -> None:
        fresh = [value for value in dict.fromkeys(values) if value not in self._by_value]
        runs = run_each(fresh, self._run, self._jobs)
        for _, (trial, base) in runs:
            self._by_value[trial.value] = trial
            self._result.base = base or self._result.base
            order = sorted(self._by_value, reverse=self._knob.falling)
            self._result.trials = [self._by_value[value] for value in order]
            if self._progress is not None:
                self._progress(len(self._by_value), self._most())

    def _most(self) -> int:
        """Runs that may be done in the end."""
        return MAX_RUNS if self._knob.resolution else len(self._knob.grid(_GRID))

    def _run(self, value: int, tell: Tell) -> tuple[Trial, RunResult | None]:
        """The trial; and all of the run at the present value."""
        config = self._knob.config(self._result.config, value)
        by = cast("CallerBy", config.caller_by)
        trace: Trace = open_trace(self._result.path, profile=config.profile, caller_by=by)
        run = replay(self._knob.trace(trace, value), config, tell)
        return _trial(value, run), run if value == self._knob.now else None

    def _closer(self) -> list[int]:
        """Values between the two neighbours that matter; none when close enough."""
        room = MAX_RUNS - len(self._by_value)
        if room <= 0:
            return []
        found = self._result.found
        if found is None:
            return self._around_the_least(room)
        last = self._result.last_failing
        if last is None:
            return []
        return self._between(last.value, found.value, min(_CUTS, room))

    def _around_the_least(self, room: int) -> list[int]:
        """Halfway to both neighbours of the value with the fewest failures."""
        trials = self._result.trials
        best = min(range(len(trials)), key=lambda place: trials[place].remaining)
        values: list[int] = []
        for other in (best - 1, best + 1):
            if 0 <= other < len(trials):
                low, high = sorted((trials[best].value, trials[other].value))
                values += self._between(low, high, 1)
        return values[:room]

    def _between(self, low: int, high: int, count: int) -> list[int]:
        """Up to ``count`` values that cut the stretch evenly, on the knob's resolution."""
        step = self._knob.resolution
        if high - low <= max(step, int(high * _CLOSE_ENOUGH)):
            return []
        cuts = (low + (high - low) * place // (count + 1) for place in range(1, count + 1))
        rounded = {cut // step * step for cut in cuts}
        return sorted(value for value in rounded if low < value < high)


def _trial(value: int, run: RunResult) -> Trial:
    totals = run.totals
    return Trial(
        value=value,
        attempted=totals.attempted,
        natural=totals.failed_natural,
        observed=totals.failed_observed,
        served=run.reconciled.get("failed_but_model_has_page", 0),
        injected=totals.failed_injected,
        failed_by_cause={
            cause: count
            for cause, count in sorted(totals.failed_by_cause.items())
            if cause != "injected"
        },
        digest=run.digest,
    )

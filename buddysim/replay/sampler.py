"""The machine over time: at most a few hundred looks, evenly spaced by event number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.replay.outcome import Sample

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Sampler"]

_FIRST_STRIDE = 16


class Sampler:
    """Takes a look every ``stride`` events; full, it drops every second one and doubles it.

    So the samples depend on the events alone, not on how they are batched.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._stride = _FIRST_STRIDE
        self._limit = max(run.config.max_samples, 2)
        self.samples: list[Sample] = []
        self.next_event = _FIRST_STRIDE
        self.take(0, 0)

    def take(self, event: int, time_ns: int) -> None:
        """Look now; ``event`` rows are done."""
        self._look(event, time_ns)
        if len(self.samples) > self._limit:
            self._stride *= 2
            self.samples = [each for each in self.samples if each.event % self._stride == 0]
        self.next_event = (event // self._stride + 1) * self._stride

    def last(self, event: int, time_ns: int) -> None:
        """The look after the last event."""
        if self.samples[-1].event != event:
            self._look(event, time_ns)

    def _look(self, event: int, time_ns: int) -> None:
        zones = self._run.machine.zones
        self.samples.append(
            Sample(
                event,
                time_ns,
                tuple(zone.free for zone in zones),
                tuple(_largest(zone.nr_free) for zone in zones),
                self._run.tally.totals.failed,
                sum(self._run.loop.live_pages),
            )
        )


def _largest(nr_free: object) -> int:
    counts = list(nr_free)  # type: ignore[call-overload]  # an array or a typed memoryview
    return max((order for order, blocks in enumerate(counts) if blocks), default=-1)

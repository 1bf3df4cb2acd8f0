"""Recorded callers that fail in the model: what they are declared to do then, acted out.

A recording goes on as if its own request had worked.  A caller that ``--callers`` names, or that
is well known, gets its declared way instead: a fallback's pieces stand for the recorded block, a
drop stands for nothing.  A caller without a policy holds nothing, and nothing is guessed about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from buddysim.kernel.context import Context
from buddysim.replay.declared import CallerRule, load_declared_callers
from buddysim.replay.ledger import NOWHERE
from buddysim.replay.outcome import CallerStats

if TYPE_CHECKING:
    from buddysim.caller.policy import Settlement
    from buddysim.replay.failure_row import FailureRow
    from buddysim.replay.run import Run, Site

__all__ = ["Reactions"]


class Reactions:
    """The declared callers of one replay.  Raises ConfigError for a bad callers file."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._declared = load_declared_callers(run.config.callers_file)

    def finish(self, callers: Sequence[CallerStats]) -> None:
        """Tell the accounts what is declared, contexts where the recording has none."""
        for stats in callers:
            rule = self._declared.rule_for(stats.caller)
            if rule is None:
                continue
            stats.declared = bool(rule.on_failure)
            stats.allow = dict(rule.allow)
            stats.shapes = [
                shape._replace(context=rule.context) if shape.context & Context.UNKNOWN else shape
                for shape in stats.shapes
            ]

    def settle(self, site: Site, pfn: int, row: FailureRow) -> None:
        """After a failure that the recording does not have: act, and book what was got."""
        run, rule = self._run, self._declared.rule_for(row.caller)
        if rule is None or not rule.on_failure:
            run.ledger.add(pfn, NOWHERE, site.caller, site.order)
            return
        # Most recordings have no caller that is declared and fails.
        from buddysim.caller.policy import act_out
        from buddysim.replay.hands import Hands

        settled = act_out(rule.on_failure, site.order, Hands(run, site, _nothing_to_unwind))
        self._book(site, pfn, settled)
        self._note(row, rule, settled)
        if settled.resolution not in {"ignored", "endless"}:
            run.tally.settled(site.caller)

    def _book(self, site: Site, pfn: int, settled: Settlement) -> None:
        ledger, key = self._run.ledger, pfn
        for sim, order in settled.blocks:
            ledger.add(key, sim, site.caller, order)
            key += 1 << order
        if not settled.blocks:
            ledger.add(pfn, NOWHERE, site.caller, site.order)

    def _note(self, row: FailureRow, rule: CallerRule, settled: Settlement) -> None:
        facts = self._run.result.story
        if len(facts.episodes) >= self._run.config.max_failures:
            return
        from buddysim.replay.hands import new_episode

        episode = new_episode(len(facts.episodes), "the block", row, rule.on_failure)
        episode.attempts += settled.retries
        episode.resolution, episode.errno = settled.resolution, settled.errno
        episode.endless = settled.resolution == "endless"
        episode.counted = settled.resolution == "dropped"
        episode.declared_errors = rule.errors
        facts.episodes.append(episode)


def _nothing_to_unwind() -> None:
    """A recording does not say what belongs together."""

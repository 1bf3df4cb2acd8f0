"""What became of a failed request: the one place that decides between handled and not.

Each unhandled failure belongs to the most specific rule: used (BS101), swallowed (BS106), retried
for ever (BS203), never tried smaller (BS205), hidden by NOWARN (BS302), else lost (BS107).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.findings.request import is_speculative
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Episode

__all__ = [
    "is_by_design",
    "is_given_up",
    "is_hidden",
    "is_lost_silently",
    "is_never_smaller",
    "is_swallowed",
]

_NOWARN = int(Gfp.NOWARN)


def is_by_design(episode: Episode) -> bool:
    """A speculative attempt whose caller went on to a smaller one."""
    return is_speculative(episode.gfp) and (
        episode.smaller_succeeded or episode.resolution in {"fallback", "vmalloc"}
    )


def is_given_up(episode: Episode) -> bool:
    """The caller went on without the memory: no retry, replacement, count or error."""
    if episode.used or episode.recovered or episode.counted:
        return False
    return episode.resolution in {"ignored", "silently-dropped"}


def is_swallowed(run: RunResult, episode: Episode) -> bool:
    """The caller's work ended ok all the same."""
    if episode.resolution == "succeeded-without":
        return True
    if not is_given_up(episode) or episode.resolution != "ignored" or episode.transaction < 0:
        return False
    return run.story.transactions[episode.transaction].status == "ok"


def _returned_an_error(run: RunResult, episode: Episode) -> bool:
    """The transaction ended with an errno by a statement of the story."""
    if episode.transaction < 0:
        return False
    return run.story.transactions[episode.transaction].status not in {"", "ok"}


def is_never_smaller(run: RunResult, episode: Episode) -> bool:
    """An order above 0 was given up at once, the warning printed."""
    return (
        is_given_up(episode)
        and episode.resolution == "ignored"
        and episode.order > 0
        and not episode.gfp & _NOWARN
        and not is_swallowed(run, episode)
        and not _returned_an_error(run, episode)
    )


def is_hidden(run: RunResult, episode: Episode) -> bool:
    """Given up without a word in the log: NOWARN, and nothing counted."""
    return (
        is_given_up(episode)
        and bool(episode.gfp & _NOWARN)
        and not is_swallowed(run, episode)
        and not _returned_an_error(run, episode)
    )


def is_lost_silently(run: RunResult, episode: Episode) -> bool:
    """Given up, and neither swallowed, hidden nor a matter of a smaller order."""
    if not is_given_up(episode) or _returned_an_error(run, episode):
        return False
    if episode.resolution == "silently-dropped":
        return True
    return not (
        is_swallowed(run, episode) or is_hidden(run, episode) or is_never_smaller(run, episode)
    )

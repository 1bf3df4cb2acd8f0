"""The command line that shows a finding again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from buddysim.replay.outcome import RunResult

if TYPE_CHECKING:
    from buddysim.replay.story import Episode

__all__ = ["command", "command_for_episode"]


def command(run: RunResult, faults: tuple[str, ...] | None = None) -> str:
    """``buddysim replay ...`` with everything that shaped this run; ``faults`` replace its own.

    Runs are deterministic, so pasting it into a shell gives the same findings again.
    """
    config = run.config
    verb = "run" if run.meta.format == "python" else "replay"
    words = ["buddysim", verb, run.meta.path]
    if config.profile:
        words += ["--profile", config.profile]
    words += config.options
    for setting in config.sysctl:
        words += ["--sysctl", setting]
    if config.placement != "model":
        words += ["--placement", config.placement]
    for fault in config.faults if faults is None else faults:
        words += ["--fault", fault]
    if config.warn != "kernel":
        words += ["--warn", config.warn]
    if config.caller_by != "function":
        words += ["--caller-by", config.caller_by]
    if config.callers_file:
        words += ["--callers", config.callers_file]
    if config.seed:
        words += ["--seed", str(config.seed)]
    return shlex.join(words)


def command_for_episode(run: RunResult, episode: Episode) -> str:
    """As :func:`command`, but an injected failure is injected alone where that is sure to do.

    It is when no earlier request of the same caller failed, for then the caller comes to this
    request by the same way without the other faults; and when none of the attempts that followed
    it (retries, fallbacks) was failed as well.
    """
    if episode.origin != "injected" or not _is_alone(run, episode):
        return command(run)
    from glob import escape

    return command(run, (f"caller={escape(episode.caller)},nth={episode.nth_of_caller}",))


def _is_alone(run: RunResult, episode: Episode) -> bool:
    """Is this failure the caller's first, and the only one of its event?"""
    if "," in episode.caller or "=" in episode.caller or run.failures_dropped:
        return False
    mine = [row.event for row in run.failures if row.caller == episode.caller]
    return mine[0] == episode.event and mine.count(episode.event) == 1

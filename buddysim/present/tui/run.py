"""Replays a trace on film and opens the live view on it."""

from __future__ import annotations

import sys
from pathlib import Path

from buddysim.errors import ConfigError
from buddysim.present.tui.show import Show
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.film import Film
from buddysim.source.open import open_trace

__all__ = ["run_live", "show_of"]

_FRAMES_MAX = 200


def show_of(path: str, config: ReplayConfig) -> Show:
    """Replay ``path`` and keep what the live view plays.  Raises TraceError, ConfigError."""
    film = Film(max_frames=_FRAMES_MAX, by_type=True)
    run = replay(open_trace(path), config, watcher=film)
    return Show(Path(path).name, film, run.failures, run.counters)


def run_live(path: str, config: ReplayConfig) -> None:
    """Open the live view; returns when the user quits.

    Raises ConfigError without Textual or without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("--live needs a terminal", hint="--html FILE makes a page instead")
    try:
        from buddysim.present.tui.app import LiveView
    except ModuleNotFoundError as error:
        raise ConfigError(
            "--live needs the textual package", hint="pip install 'buddysim[live]'"
        ) from error
    LiveView(show_of(path, config)).run()

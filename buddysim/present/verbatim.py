"""Consoles that print names as they stand, whatever brackets or colons are in them."""

from __future__ import annotations

from functools import partial

from rich.console import Console

__all__ = ["VerbatimConsole", "report_console"]

VerbatimConsole = partial(Console, markup=False, emoji=False, highlight=False)
"""A Console that looks for no ``[style]`` and no ``:emoji:`` in the names of callers and files."""


def report_console(width: int | None = None, *, least: int = 80) -> Console:
    """For a report as text: colours on a terminal, plain when piped or ``width`` is given.

    Piped, it is as wide as the environment says, ``least`` columns or more.
    """
    console = VerbatimConsole(width=width, no_color=width is not None)
    if not console.is_terminal and width is None:
        return VerbatimConsole(width=max(console.width, least), no_color=True)
    return console

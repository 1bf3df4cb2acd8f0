"""A line on stderr while rows of a trace stream by; nothing when stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["rows_progress"]


@contextmanager
def rows_progress(what: str, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Yields a function to be called with the rows done so far."""
    if quiet:
        yield _unseen
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _unseen
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda rows: progress.update(task, completed=rows)


def _unseen(_rows: int) -> None:
    """Nobody looks."""

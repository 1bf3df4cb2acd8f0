"""Several independent replays at the same time, each in a process of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from buddysim.errors import ConfigError

__all__ = ["run_each"]

Task = TypeVar("Task")
Result = TypeVar("Result")
Tell = Callable[[int], None]
"""To be called with the events done so far."""


def run_each(
    tasks: Sequence[Task],
    work: Callable[[Task, Tell], Result],
    jobs: int,
    heard: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """``(index, work(task, tell))`` of every task, in the order in which they are done.

    At most ``jobs`` at a time; one job runs in this process, more are forked.  ``heard`` gets the
    index of a task and the events it has done.  What a task raises is raised here.  Closing the
    iterator, or Ctrl-C, ends the processes; what was yielded stands.  Raises ConfigError when a
    process is killed.
    """
    if jobs <= 1 or len(tasks) == 1:
        for index, task in enumerate(tasks):
            yield index, work(task, _teller(heard, index))
        return
    yield from _Crew(tasks, work, heard).run(jobs)


def _teller(heard: Callable[[int, int], None] | None, index: int) -> Tell:
    return (lambda events: heard(index, events)) if heard is not None else _ignore


def _ignore(events: int) -> None:
    """Nobody listens."""


class _Crew:
    """Forked children by the pipe they talk through."""

    def __init__(
        self,
        tasks: Sequence[Any],
        work: Callable[[Any, Tell], Any],
        heard: Callable[[int, int], None] | None,
    ) -> None:
        self._tasks = tasks
        self._work = work
        self._heard = heard or (lambda index, events: None)
        self._context = get_context("fork")
        self._busy: dict[Connection, tuple[int, BaseProcess]] = {}

    def run(self, jobs: int) -> Iterator[tuple[int, Any]]:
        """Keep ``jobs`` children busy until every task is done."""
        waiting = list(range(len(self._tasks)))
        try:
            while waiting or self._busy:
                while waiting and len(self._busy) < jobs:
                    self._start(waiting.pop(0))
                yield from self._listen()
        finally:
            self._end()

    def _start(self, index: int) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        child = self._context.Process(
            target=_carry_out, args=(self._work, self._tasks[index], theirs), daemon=True
        )
        child.start()
        theirs.close()
        self._busy[ours] = (index, child)

    def _listen(self) -> Iterator[tuple[int, Any]]:
        for ready in wait(list(self._busy)):
            assert isinstance(ready, Connection)
            index, child = self._busy[ready]
            try:
                word, told = ready.recv()
            except EOFError:
                child.join()
                raise ConfigError(
                    f"a process that replayed was ended from outside (status {child.exitcode})",
                    hint="fewer --jobs need less memory",
                ) from None
            if word == "events":
                self._heard(index, told)
                continue
            del self._busy[ready]
            child.join()
            if word == "raised":
                raise told
            yield index, told

    def _end(self) -> None:
        for pipe, (_, child) in self._busy.items():
            child.terminate()
            child.join()
            pipe.close()
        self._busy.clear()


def _carry_out(work: Callable[[Any, Tell], Any], task: Any, pipe: Connection) -> None:
    """In the child, which leaves Ctrl-C to its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer = "done", work(task, lambda events: pipe.send(("events", events)))
    except Exception as error:
        answer = "raised", error
    pipe.send(answer)

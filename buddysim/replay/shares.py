"""One exploration in several processes: each lives through its share of the failures."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event

from buddysim.errors import ValidationError
from buddysim.replay.exploration import Attempt
from buddysim.replay.life import Course

__all__ = ["Share", "in_processes"]


@dataclass(slots=True)
class Share:
    """What one process found out; plain data."""

    attempts: list[tuple[Course, Attempt]]
    failed_points: dict[str, int]
    ends: Counter[str]
    digest: str = ""
    """Of its pass over the recording; empty when that was cut short."""
    interrupted: bool = False


Part = Callable[[int], Generator[int | Share, None, None]]


def in_processes(part: Part, jobs: int) -> Generator[int | Share, None, None]:
    """What ``part(0)`` to ``part(jobs - 1)`` yield, as it comes.

    One job runs in this process, and ends with Ctrl-C as ``part`` sees fit.  More are forked;
    Ctrl-C lets them finish what they are at and tell what they have.  Raises ValidationError when
    a process dies.
    """
    if jobs == 1:
        yield from part(0)
        return
    context = get_context("fork")
    stop = context.Event()
    pipes, children = [], []
    for number in range(jobs):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_tell, args=(part, number, theirs, stop), daemon=True)
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        yield from _collect(pipes, stop)
    finally:
        stop.set()
        for child in children:
            child.join()


def _tell(part: Part, number: int, pipe: Connection, stop: Event) -> None:
    """In the child: pass everything on, and see to it that Ctrl-C reaches the part in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    telling = part(number)
    for told in telling:
        pipe.send(told)
        if stop.is_set() and isinstance(told, int):
            pipe.send(_stopped(telling))
            return


def _stopped(telling: Generator[int | Share, None, None]) -> int | Share:
    """Interrupt a part where it stands and take what it has."""
    told = telling.throw(KeyboardInterrupt())
    while not isinstance(told, Share):
        told = next(telling)
    return told


def _collect(pipes: list[Connection], stop: Event) -> Generator[int | Share, None, None]:
    waiting = list(pipes)
    while waiting:
        try:
            for ready in wait(waiting):
                assert isinstance(ready, Connection)
                told: int | Share = ready.recv()
                if isinstance(told, Share):
                    waiting.remove(ready)
                yield told
        except KeyboardInterrupt:
            stop.set()
        except EOFError:
            raise ValidationError("a process that explored its share died") from None

"""Several tasks at once: everything comes back, errors too, and nobody stays behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable

import pytest

from buddysim.errors import ConfigError, TraceError
from buddysim.replay.processes import run_each


def double(task: int, tell: Callable[[int], None]) -> tuple[int, int]:
    """Twice the task, and who did it."""
    tell(task * 10)
    return task * 2, os.getpid()


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_task_is_done_and_told(jobs: int) -> None:
    heard: list[tuple[int, int]] = []
    told = dict(
        run_each([3, 1, 2], double, jobs, lambda index, events: heard.append((index, events)))
    )
    assert {index: answer for index, (answer, _) in told.items()} == {0: 6, 1: 2, 2: 4}
    assert sorted(heard) == [(0, 30), (1, 10), (2, 20)]
    assert len({pid for _, pid in told.values()}) == (1 if jobs == 1 else 3)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_task_raises_is_raised_here(jobs: int) -> None:
    def fail(task: int, tell: Callable[[int], None]) -> int:
        raise TraceError("is broken", path="x.txt", line=task)

    with pytest.raises(TraceError, match=r"x\.txt:7: is broken"):
        list(run_each([7, 7], fail, jobs))
    assert not multiprocessing.active_children()


def test_a_killed_process_is_bad_luck_in_one_line() -> None:
    def die(task: int, tell: Callable[[int], None]) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(ConfigError, match="status -9"):
        list(run_each([1, 2], die, 2))
    assert not multiprocessing.active_children()


def test_closing_ends_those_still_at_work() -> None:
    def linger(task: int, tell: Callable[[int], None]) -> int:
        time.sleep(task)
        return task

    results = run_each([0, 60, 60], linger, 2)
    assert next(results) == (0, 0)
    results.close()  # type: ignore[attr-defined]  # an iterator that is a generator
    assert not multiprocessing.active_children()

"""Lesson 1: buddies, split and merge."""

from __future__ import annotations

from buddysim.lesson.course._reading import free_pages
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import play_steps
from buddysim.lesson.step import Step

__all__ = ["LESSON"]

_TEXT = """\
Free memory is kept in blocks of 2^order pages, order 0 to 10, each at an address that is a
multiple of its size.  There is one list of free blocks for each order.

A request takes a block from the list of its own order.  When that list is empty, it takes the
next bigger block there is and cuts it in half until it fits; every half that is left over goes to
the list of its own order.  The two halves of a block are *buddies*: their page numbers differ in
exactly one bit.

When a block is freed and its buddy is free too, the two become one block again, and that block
looks for its own buddy.  So a machine at rest has few, big blocks, and a busy one many small ones.

The requests here are of order 4 and 5, because orders 0 to 3 are served from a per-cpu list that
would hide the splitting."""


def _play() -> Observation:
    run, steps = play_steps("buddies.trace")
    start, first, end = steps[0].before[-1], steps[0].after[-1], steps[-1].after[-1]
    numbers: dict[str, float] = {
        "free_start": sum(zone.free for zone in steps[0].before),
        "free_end": free_pages(run),
        "big_start": start.nr_free[10],
        "big_first": first.nr_free[10],
        "halves": sum(first.nr_free[4:10]) - sum(start.nr_free[4:10]),
        "same_lists": start.nr_free == end.nr_free,
    }
    return Observation(numbers, (_table(steps),), {"run": run})


def _table(steps: list[Step]) -> Table:
    rows = tuple(
        (step.text.partition(" gfp=")[0], *(str(count) for count in step.after[-1].nr_free[4:]))
        for step in steps
    )
    columns = ("after", *(str(order) for order in range(4, 11)))
    return Table("Free blocks by order, 4 to 10", columns, rows)


LESSON = Lesson(
    number=1,
    name="buddies",
    title="Buddies, split and merge",
    text=_TEXT,
    play=_play,
    scenario="buddies.trace",
    claims=(
        Claim(
            "One request for 16 pages cuts one block of order 10 and leaves {halves} halves, one "
            "of each order from 4 to 9.",
            lambda n: n["big_start"] - n["big_first"] == 1 and n["halves"] == 6,
        ),
        Claim(
            "After the last free the lists are as they were: every half met its buddy.",
            lambda n: bool(n["same_lists"]),
        ),
        Claim(
            "No page is lost: {free_start} free before, {free_end} after.",
            lambda n: n["free_start"] == n["free_end"],
        ),
    ),
    exercises=(
        Exercise(
            "What is the buddy of the order-4 block at page 0x1230?",
            "Flip bit 4: 0x1220.",
        ),
        Exercise(
            "Free b before c in the scenario.  When does the last merge happen, and how far?",
            "Copy the scenario, swap the lines, and run it with --step.",
        ),
    ),
)

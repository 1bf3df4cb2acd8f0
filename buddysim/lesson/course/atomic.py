"""Lesson 4: atomic versus sleeping."""

from __future__ import annotations

from buddysim.lesson.course._reading import caller_rows
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import finding_codes, play_run

__all__ = ["LESSON"]

_TEXT = """\
Most of a busy machine's memory is page cache: useful, and free again at the price of waiting.  A
request with GFP_KERNEL may wait.  It reclaims pages itself and comes back with what it wanted; as
long as anything can be reclaimed it does not fail for small orders.

Code that holds a spinlock or runs in an interrupt must not wait.  It asks with GFP_ATOMIC, gets
what is free at that moment or a part of the reserve, and otherwise fails.  Such a failure is not
an emergency: thousands of pages may be reclaimable.  It is news that the free list was empty just
then, and the caller must cope.

The third caller sleeps where it must not: GFP_KERNEL from a softirq.  It may work a thousand times,
until reclaim really has to wait."""


def _play() -> Observation:
    run = play_run("atomic.trace")
    interrupt, process = run.caller("interrupt"), run.caller("process")
    numbers = {
        "atomic_asked": interrupt.attempted,
        "atomic_failed": interrupt.failed,
        "process_asked": process.attempted,
        "process_failed": process.failed,
        "sleeps": sum(code == "BS201" for code in finding_codes(run, "sloppy")),
    }
    table = Table("Requests", ("caller", "asked", "got", "refused"), caller_rows(run))
    return Observation(numbers, (table,), {"run": run})


LESSON = Lesson(
    number=4,
    name="atomic",
    title="Atomic versus sleeping",
    text=_TEXT,
    play=_play,
    scenario="atomic.trace",
    claims=(
        Claim(
            "{atomic_failed} of {atomic_asked} atomic requests fail although thousands of pages "
            "could be reclaimed.",
            lambda n: n["atomic_failed"] > 0,
        ),
        Claim(
            "All {process_asked} requests that may sleep work, on the same machine, afterwards.",
            lambda n: n["process_failed"] == 0,
        ),
        Claim(
            "Sleeping in a softirq is found (BS201) although the request worked.",
            lambda n: n["sleeps"] > 0,
        ),
    ),
    exercises=(
        Exercise(
            "Put the process first.  Does the interrupt still fail?",
            "Swap the two lines: reclaim frees more than one request needs.",
        ),
        Exercise(
            "Let all page cache be dirty (dirty=100).  What changes?",
            "@reclaimable pages=2500 dirty=100",
        ),
    ),
)

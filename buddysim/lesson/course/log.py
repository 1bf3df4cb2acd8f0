"""Lesson 10: from your own log."""

from __future__ import annotations

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import explain_log, play_run

__all__ = ["LESSON"]

_TEXT = """\
A kernel's failure report tells almost everything, in an order nobody reads in a hurry.

Read the first line: who, which *order*, which *mask*.  The mask says whether the caller could wait.
Then find the line of the zone that was asked: *free* against *min*.  If free is well above min, the
memory was there, and the request failed because of its order.  Then find the line with the counts
of free blocks, "1*4kB 3*8kB ...": is there any at or above the order, and is it of a type this
request may take?  Last, ask what the caller does when it gets nothing; usually it copes.

Here the machine fails one request and prints what a kernel would have printed.  Then that text
alone is read back and explained.  The two must agree."""


def _play() -> Observation:
    run = play_run("log.trace")
    text = "\n".join(run.warnings.lines)
    explained = explain_log(text)
    known = run.failures[0].cause
    numbers = {
        "lines": len(run.warnings.lines),
        "reports": len(explained),
        "agree": all(cause == known for cause in explained),
    }
    rows = (("the machine knew", known), *(("the log tells", cause) for cause in explained))
    return Observation(numbers, (Table("The cause", ("source", "cause"), rows),), {"run": run})


LESSON = Lesson(
    number=10,
    name="log",
    title="From your own log",
    text=_TEXT,
    play=_play,
    scenario="log.trace",
    claims=(
        Claim(
            "One failure prints {lines} lines, and they are recognised as {reports} report.",
            lambda n: n["lines"] > 10 and n["reports"] == 1,
        ),
        Claim(
            "The cause read from the text is the cause the machine knew.",
            lambda n: bool(n["agree"]),
        ),
    ),
    exercises=(
        Exercise(
            "Look for reports in your own log.",
            "journalctl -k | buddysim explain",
        ),
        Exercise(
            "Explain a report by hand before you let the tool do it.  Which line decided?",
            "Compare free with min first, then the block counts at or above the order.",
        ),
    ),
)

"""Lesson 10: from your own log."""

from __future__ import annotations

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.log_reading import read_by_hand
from buddysim.lesson.play import play_run

__all__ = ["LESSON"]

_TEXT = """\
A kernel's failure report tells almost everything, in an order nobody reads in a hurry.  Three
lines decide most cases.

The first line says who, which *order*, and which *mask*; the mask says whether the caller could
wait.  The line of the zone says how much is *free* against *min*.  If free is well above min, the
memory was there, and the request failed because of its order.  The line with the counts of free
blocks, "8192*4kB 0*8kB ...", shows it: is there any block at or above the order?

Last, ask what the caller does when it gets nothing.  Usually it copes, and the report is only news.

Here the machine fails one request and prints what a kernel would have printed.  Then that text
alone is read, those three lines of it.  The text and the machine must agree."""

_SHOWN = 64


def _play() -> Observation:
    run = play_run("log.trace")
    lines = run.warnings.lines
    known, reading = run.failures[0].cause, read_by_hand(lines)
    if reading is None:
        return Observation({"lines": len(lines), "read": 0, "agree": 0}, (), {"run": run})
    numbers = {
        "lines": len(lines),
        "read": 1,
        "order": reading.order,
        "needed_kb": 4 << reading.order,
        "free_kb": reading.free_kb,
        "min_kb": reading.min_kb,
        "blocks": reading.blocks_big_enough,
        "agree": reading.cause == known,
    }
    rows = (("the machine knew", known), ("three lines tell", reading.cause))
    table = Table("The cause", ("source", "cause"), rows)
    return Observation(numbers, (_three_lines(lines), table), {"run": run})


def _three_lines(lines: list[str]) -> Table:
    decisive = ("page allocation failure", "Normal free:", "Normal: ")
    shown = ((line[:_SHOWN] + "...",) for line in lines if any(word in line for word in decisive))
    return Table("From the log", ("the lines that decide",), tuple(shown))


LESSON = Lesson(
    number=10,
    name="log",
    title="From your own log",
    text=_TEXT,
    play=_play,
    scenario="log.trace",
    claims=(
        Claim(
            "One failure prints {lines} lines; three of them are enough.",
            lambda n: n["lines"] > 10 and n["read"] == 1,
        ),
        Claim(
            "{free_kb} kB are free against a min of {min_kb} kB, but no block has the "
            "{needed_kb} kB of order {order}.",
            lambda n: n["free_kb"] > 4 * n["min_kb"] and n["blocks"] == 0 < n["order"],
        ),
        Claim(
            "The cause read from the text is the cause the machine knew.",
            lambda n: n["agree"] == 1,
        ),
    ),
    exercises=(
        Exercise(
            "Look for reports in your own log.",
            "journalctl -k | grep -A 30 'page allocation failure'",
        ),
        Exercise(
            "Explain one of them by hand.  Which line decided?",
            "Compare free with min first, then the block counts at or above the order.",
        ),
        Exercise(
            "Three quarters of min are free and an order-0 GFP_ATOMIC request fails.  Possible?",
            "Not by the watermark: it may go down to three eighths.  Look at lowmem_reserve[].",
        ),
    ),
)

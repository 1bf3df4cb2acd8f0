"""Lesson 3: failing with plenty free."""

from __future__ import annotations

from buddysim.lesson.course._reading import caller_rows
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import play_run

__all__ = ["LESSON"]

_TEXT = """\
A request for two pages needs two neighbours, at an even page number.  Take every page of a machine
and give back every second one: half of the memory is free, and not one request for two pages can
be served.  That is external fragmentation.

Two numbers describe it.  The *unusable free space index* of an order is the share of free memory
that lies in smaller blocks: 0 is good, 1 means that nothing free can serve that order.  The
*fragmentation index* says why a request would fail: towards 0 for want of memory, towards 1 because
of fragmentation.

So "out of memory?" is the wrong first question about a failed request.  Ask for the order."""


def _play() -> Observation:
    run = play_run("fragmentation.trace")
    zone = run.zones[0]
    numbers = {
        "single_failed": run.caller("one_page").failed,
        "double_failed": run.caller("two_pages").failed,
        "double_asked": run.caller("two_pages").attempted,
        "eight_failed": run.caller("eight_pages").failed,
        "free": zone.free_pages,
        "min": zone.min_pages,
        "unusable_1": zone.unusable_index[1],
        "fragmented": run.totals.failed_by_cause.get("fragmented", 0),
        "failed": run.totals.failed_natural,
    }
    table = Table("Requests", ("caller", "asked", "got", "refused"), caller_rows(run))
    return Observation(numbers, (table,), {"run": run})


LESSON = Lesson(
    number=3,
    name="fragmentation",
    title="Failing with plenty free",
    text=_TEXT,
    play=_play,
    scenario="fragmentation.trace",
    claims=(
        Claim(
            "{free} pages are free, many times the min mark of {min}, and every one of "
            "{double_asked} requests for two pages fails.",
            lambda n: n["free"] > 10 * n["min"] and n["double_failed"] == n["double_asked"],
        ),
        Claim(
            "Requests for one page never fail.",
            lambda n: n["single_failed"] == 0,
        ),
        Claim(
            "The cause of all {failed} failures is fragmentation, and the unusable index of "
            "order 1 is {unusable_1}.",
            lambda n: n["fragmented"] == n["failed"] > 0 and n["unusable_1"] == 1,
        ),
    ),
    exercises=(
        Exercise(
            "Give back every fourth page instead.  Which order can be served now?",
            "Change free=every2 to free=every4 and look at the unusable index.",
        ),
        Exercise(
            "Would more memory have helped?  Would a higher min_free_kbytes?",
            "buddysim replay SCENARIO --mem 32M, then --sysctl min_free_kbytes=4096.",
        ),
    ),
)

"""Lesson 2: watermarks, and who may go below them."""

from __future__ import annotations

from buddysim.lesson.course._reading import caller_rows, free_pages
from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import play_run

__all__ = ["LESSON"]

_TEXT = """\
A zone does not give its last page to anyone who asks.  It has three marks.  Below *low* kswapd is
woken to free memory in the background.  Below *min* ordinary requests are refused and must reclaim
for themselves.  At *high* kswapd goes back to sleep.  min follows from min_free_kbytes.

What lies under min is a reserve for those who cannot wait.  GFP_ATOMIC says so with __GFP_HIGH
and by not allowing reclaim: it may use half of min, and a quarter of the rest.  __GFP_MEMALLOC
is for code that will free memory if it gets some, and may take everything.

Here three callers each ask for one page at a time until they are refused."""


def _play() -> Observation:
    run = play_run("watermarks.trace")
    numbers = {
        name: run.caller(name).attempted - run.caller(name).failed
        for name in ("polite", "atomic", "rescuer")
    }
    zone = run.zones[0]
    numbers |= {"min": zone.min_pages, "low": zone.low_pages, "left": free_pages(run)}
    numbers["atomic_floor"] = numbers["min"] - numbers["atomic"]
    table = Table("One page at a time", ("caller", "asked", "got", "refused"), caller_rows(run))
    return Observation(numbers, (table,), {"run": run})


LESSON = Lesson(
    number=2,
    name="watermarks",
    title="Watermarks, and who may go below them",
    text=_TEXT,
    play=_play,
    scenario="watermarks.trace",
    claims=(
        Claim(
            "The polite caller is refused while {min} pages, the min mark, are still free.",
            lambda n: n["polite"] > 0 and n["atomic_floor"] + n["atomic"] == n["min"],
        ),
        Claim(
            "The atomic caller then still gets {atomic} pages and stops at {atomic_floor}: "
            "three eighths of min.",
            lambda n: abs(n["atomic_floor"] - n["min"] * 3 / 8) <= 2,
        ),
        Claim(
            "The rescuer gets the last {rescuer} pages, those under the reserve and those waiting "
            "on the per-cpu list; {left} are left.",
            lambda n: n["left"] == 0 and n["rescuer"] >= n["atomic_floor"],
        ),
    ),
    exercises=(
        Exercise(
            "Raise min_free_kbytes to 2048.  Who gets more, who gets less?",
            "buddysim replay SCENARIO --sysctl min_free_kbytes=2048",
        ),
        Exercise(
            "What does a network card gain from a higher min_free_kbytes, and who pays?",
            "The reserve grows for atomic requests; page cache shrinks by as much.",
        ),
    ),
)

"""Lesson 7: fault injection finds what testing did not."""

from __future__ import annotations

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import finding_codes, play_run

__all__ = ["LESSON"]

_TEXT = """\
A caller's error path runs only when memory runs out, which in testing it never does.  So nobody
knows whether it works, and the report of a normal run must say *untested*, not *fine*.

The kernel can be told to fail requests that would have worked: with a probability, or exactly the
Nth.  Failing each request once, one run each, is the systematic form: it ends, and every run
can be repeated.

Four callers pass a normal run.  One uses what it did not get.  One returns an error and forgets
what it had allocated before.  One reports success.  One takes smaller blocks
instead, and says so."""

_CALLERS = ("careless", "leaky", "liar", "careful")
_REQUESTS = {"careless": 1, "leaky": 2, "liar": 1, "careful": 1}


def _play() -> Observation:
    calm = play_run("injection.trace")
    runs = {"calm": calm}
    for caller in _CALLERS:
        fault = f"caller={caller},nth={_REQUESTS[caller]}"
        runs[caller] = play_run("injection.trace", faults=(fault,))
    found = {name: finding_codes(runs[name], name) for name in _CALLERS}
    errors = {name: [code for code in codes if code < "BS200"] for name, codes in found.items()}
    numbers = {
        "calm_errors": sum(
            code < "BS200" for name in _CALLERS for code in finding_codes(calm, name)
        ),
        "calm_failed": calm.totals.failed,
        "careless": "BS101" in found["careless"],
        "leaky": "BS102" in found["leaky"],
        "liar": "BS106" in found["liar"],
        "careful_errors": len(errors["careful"]),
        "runs": len(_CALLERS),
    }
    rows = tuple((name, ", ".join(errors[name]) or "copes") for name in _CALLERS)
    table = Table("One request failed in each run", ("caller", "found"), rows)
    return Observation(numbers, (table,), runs)


LESSON = Lesson(
    number=7,
    name="injection",
    title="Fault injection finds what testing did not",
    text=_TEXT,
    play=_play,
    scenario="injection.trace",
    claims=(
        Claim(
            "The normal run has {calm_failed} failures and {calm_errors} errors: it proves "
            "nothing.",
            lambda n: n["calm_failed"] == 0 == n["calm_errors"],
        ),
        Claim(
            "{runs} runs with one failure each find the null dereference (BS101), the leak (BS102) "
            "and the swallowed failure (BS106).",
            lambda n: bool(n["careless"] and n["leaky"] and n["liar"]),
        ),
        Claim(
            "The careful caller has {careful_errors} errors: it was tested and copes.",
            lambda n: n["careful_errors"] == 0,
        ),
    ),
    exercises=(
        Exercise(
            "Fail every request in turn.  Which runs find nothing?",
            "buddysim replay SCENARIO --fault nth:1, then nth:2, up to nth:5.",
        ),
        Exercise(
            "Let every later request fail too.  Does the careful caller still cope?",
            "--fault fail_page_alloc:probability=100,space=0,times=-1; see BS109.",
        ),
    ),
)

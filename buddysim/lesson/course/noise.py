"""Lesson 5: the debate about warnings, with numbers."""

from __future__ import annotations

from buddysim.lesson.lesson import Claim, Exercise, Lesson, Observation, Table
from buddysim.lesson.play import play_run
from buddysim.replay.outcome import RunResult

__all__ = ["LESSON"]

_TEXT = """\
A failed request prints a page-long report, unless its caller said __GFP_NOWARN.  Is that right?

For: a failure the caller mishandles is a bug, and the report is the only trace it leaves.  Against:
most failures are handled, users read "failure" and file bugs, and a storm of reports hides the one
that matters.  The kernel's compromise is a rate limit shared by all callers, and NOWARN for
callers with a fallback.  Both have a price.  A caller that fails often uses up the limit and
hides another's only warning.  A caller with NOWARN that does not cope fails in silence.

Others proposed to say that it is only a warning, with advice once failures persist, or to count
failures and print nothing.

The same trace is played under each policy.  Nothing about memory changes; only who hears of it."""

_POLICIES = ("kernel", "gentle", "counters", "silent")


def _play() -> Observation:
    runs = {policy: play_run("noise.trace", warn=policy) for policy in _POLICIES}
    kernel = runs["kernel"]
    numbers: dict[str, float] = {
        f"{policy}_emitted": run.warnings.emitted for policy, run in runs.items()
    }
    numbers |= {
        "failed": kernel.totals.failed_natural,
        "same": len({run.totals.failed_natural for run in runs.values()}) == 1,
        "ratelimited": kernel.warnings.suppressed_by_ratelimit,
        "nowarn": kernel.warnings.suppressed_by_nowarn,
        "serious_failed": kernel.caller("serious").failed,
        "serious_warned": kernel.warnings.by_caller.get("serious", 0),
        "gentle_serious": runs["gentle"].warnings.by_caller.get("serious", 0),
        "chatty_warned": kernel.warnings.by_caller.get("chatty", 0),
    }
    rows = tuple(_row(policy, run) for policy, run in runs.items())
    columns = ("policy", "failures", "printed", "rate-limited", "NOWARN", "serious heard")
    return Observation(numbers, (Table("One trace, four policies", columns, rows),), runs)


def _row(policy: str, run: RunResult) -> tuple[str, ...]:
    warnings = run.warnings
    return (
        policy,
        f"{run.totals.failed_natural}",
        f"{warnings.emitted}",
        f"{warnings.suppressed_by_ratelimit}",
        f"{warnings.suppressed_by_nowarn}",
        f"{warnings.by_caller.get('serious', 0)}",
    )


LESSON = Lesson(
    number=5,
    name="noise",
    title="NOWARN, rate limits, counters: the debate",
    text=_TEXT,
    play=_play,
    scenario="noise.trace",
    claims=(
        Claim(
            "All four policies see the same {failed} failures.",
            lambda n: bool(n["same"]) and n["failed"] > 0,
        ),
        Claim(
            "Of {failed} failures the kernel's policy prints {kernel_emitted}; {ratelimited} are "
            "lost to the rate limit and {nowarn} to NOWARN.",
            lambda n: n["ratelimited"] > n["kernel_emitted"] > 0 and n["nowarn"] > 0,
        ),
        Claim(
            "The serious caller fails {serious_failed} times.  Under the kernel's policy it is "
            "heard {serious_warned} times: the chatty one, which copes, was there first.",
            lambda n: n["serious_warned"] == 0 < n["chatty_warned"] and n["serious_failed"] > 0,
        ),
        Claim(
            "The gentle policy tells each caller's first failure and then ever fewer: "
            "{gentle_emitted} lines in all, and the serious caller is heard.",
            lambda n: n["gentle_serious"] > 0 and n["gentle_emitted"] < n["failed"] / 10,
        ),
        Claim(
            "Counters and silence print {counters_emitted} and {silent_emitted} reports.",
            lambda n: n["counters_emitted"] == 0 == n["silent_emitted"],
        ),
    ),
    exercises=(
        Exercise(
            "Give the chatty caller __GFP_NOWARN.  Is the serious one heard now?",
            "Edit the scenario; this is what the kernel asks of callers with a fallback.",
        ),
        Exercise(
            "Which of the four callers is a bug, and which policy shows it?",
            "buddysim replay SCENARIO: BS302 needs no warning at all.",
        ),
    ),
)

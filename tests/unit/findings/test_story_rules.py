"""Small scripts of many shapes, each with the findings it must earn and no other."""

# ruff: noqa: E501 - a story is read in one piece

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.errors import TraceError
from buddysim.findings.finding import Origin
from buddysim.findings.registry import find_all
from buddysim.findings.verdict import verdicts
from buddysim.replay.config import ReplayConfig
from buddysim.replay.engine import replay
from buddysim.replay.outcome import RunResult
from buddysim.source.open import open_trace

_FRAGMENTED = """\
@machine mem={mem} profile={profile} min_free_kbytes=512
@fill order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0 free=every2
"""
_ROOMY = "@machine mem=16M profile={profile} min_free_kbytes=512\n"


def run_text(folder: Path, text: str, **options: object) -> RunResult:
    path = folder / "story.trace"
    path.write_text(text, encoding="utf-8")
    return replay(open_trace(str(path)), ReplayConfig(**options))


def _codes(run: RunResult) -> list[str]:
    return [finding.code for finding in find_all(run)]


STORIES = {
    "used, order 1": ("@caller c context=atomic\n0.1 c alloc a order=1 gfp=GFP_NOWAIT\n+1us c use a",
                      ["BS101"]),
    "used, order 9, hardirq": ("@caller c context=hardirq\n"
                               "0.1 c alloc a order=9 gfp=GFP_ATOMIC|__GFP_COMP else=ignore\n"
                               "+1us c use a", ["BS101", "BS206"]),
    "used twice on one line each": ("@caller c context=softirq\n0.1 c alloc a order=2 gfp=GFP_ATOMIC\n"
                                    "+1us c use a\n+1us c use a", ["BS101", "BS101"]),
    "used after retries that failed": ("@caller c context=process\n"
                                       "0.1 c alloc a order=3 gfp=GFP_NOIO|__GFP_NORETRY "
                                       "else=retry:3:50,ignore\n+9us c use a", ["BS101"]),
    "used in a transaction that ends ok": ("@caller c context=process\n0.1 c begin t\n"
                                           "0.1 c alloc a order=2 gfp=GFP_KERNEL|__GFP_NORETRY\n"
                                           "0.1 c use a\n0.1 c end t ok", ["BS101"]),
    "NULL freed where it is illegal": ("@caller c context=softirq free_null=no\n"
                                       "0.1 c alloc a order=1 gfp=GFP_ATOMIC\n0.1 c free a",
                                       ["BS101"]),
    "leak of two": ("@caller c context=process on_failure=error:ENOBUFS\n0.1 c begin t\n"
                    "0.1 c alloc a gfp=GFP_NOFS\n0.1 c alloc b gfp=GFP_NOFS\n"
                    "0.1 c alloc d order=1 gfp=GFP_NOFS|__GFP_NORETRY\n0.1 c end t ok", ["BS102"]),
    "leak by an end that was written": ("@caller c context=process\n0.1 c begin t\n"
                                        "0.1 c alloc a gfp=GFP_NOFS\n"
                                        "0.1 c alloc b order=1 gfp=GFP_NOFS|__GFP_NORETRY\n"
                                        "0.1 c end t ENOMEM", ["BS102"]),
    "freed twice, later allocated again": ("@caller c context=softirq on_failure=drop\n"
                                           "0.1 c alloc z order=1 gfp=GFP_ATOMIC\n"
                                           "0.1 c alloc a gfp=GFP_ATOMIC\n0.1 c free a\n"
                                           "0.1 c free a\n0.1 c alloc a gfp=GFP_ATOMIC\n"
                                           "0.1 c use a\n0.1 c free a", ["BS103"]),
    "piece freed twice": ("@caller c context=softirq on_failure=fallback:0\n"
                          "0.1 c alloc a order=2 gfp=GFP_ATOMIC|__GFP_NOWARN\n"
                          "0.1 c free a order=1 part=0\n0.1 c free a order=0 part=1\n"
                          "0.1 c free a order=1 part=1", ["BS103"]),
    "used after free": ("@caller c context=softirq on_failure=drop\n"
                        "0.1 c alloc z order=1 gfp=GFP_ATOMIC\n0.1 c alloc a gfp=GFP_ATOMIC\n"
                        "0.1 c free a\n0.1 c use a", ["BS104"]),
    "pieces that do not add up": ("@caller c context=softirq on_failure=fallback:0\n"
                                  "0.1 c alloc a order=3 gfp=GFP_ATOMIC|__GFP_NOWARN\n"
                                  "0.1 c free a order=2 part=0", ["BS105"]),
    "piece outside": ("@caller c context=softirq on_failure=fallback:0\n"
                      "0.1 c alloc a order=2 gfp=GFP_ATOMIC|__GFP_NOWARN\n"
                      "0.1 c free a order=1 part=2\n0.1 c free a", ["BS105"]),
    "swallowed by ignoring": ("@caller c context=process\n0.1 c begin t\n"
                              "0.1 c alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY\n0.1 c end t ok",
                              ["BS106"]),
    "swallowed without a transaction": ("@caller c context=softirq on_failure=succeed\n"
                                        "0.1 c alloc a order=2 gfp=GFP_ATOMIC", ["BS106"]),
    "silently dropped with NOWARN": ("@caller c context=softirq on_failure=silent-drop\n"
                                     "0.1 c alloc a order=2 gfp=GFP_ATOMIC|__GFP_NOWARN",
                                     ["BS107", "BS302"]),
    "wrong errno by statement": ("@caller c context=process\n0.1 c begin t\n"
                                 "0.1 c alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY\n"
                                 "0.1 c end t EIO", ["BS108"]),
    "wrong errno outside transactions": ("@caller c context=process on_failure=error:EFAULT\n"
                                         "0.1 c alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY",
                                         ["BS108"]),
    "invariant broken": ("@caller c context=process on_failure=drop\n"
                         "0.1 c alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY\n"
                         "0.1 c expect live(a)", ["BS110"]),
    "sleeping in an interrupt": ("@caller c context=hardirq on_failure=drop\n"
                                 "0.1 c alloc z order=1 gfp=GFP_ATOMIC\n"
                                 "0.1 c alloc a gfp=GFP_NOIO\n0.1 c free a", ["BS201"]),
    "sleeping under a lock": ("@caller c context=atomic on_failure=drop\n"
                              "0.1 c alloc a order=1 gfp=GFP_USER|__GFP_NORETRY", ["BS201"]),
    "needlessly atomic": ("@caller c context=process on_failure=drop\n"
                          "0.1 c alloc a order=1 gfp=GFP_ATOMIC|__GFP_COMP", ["BS202"]),
    "atomic now and then is fine": ("@caller c context=process on_failure=drop\n"
                                    "0.1 c alloc a order=1 gfp=GFP_ATOMIC\n"
                                    "0.1 c alloc b gfp=GFP_KERNEL\n0.1 c free b", []),
    "retried for ever": ("@caller c context=process\n"
                         "0.1 c alloc a order=4 gfp=GFP_KERNEL|__GFP_NORETRY|__GFP_NOWARN "
                         "else=retry:0", ["BS203"]),
    "fifteen retries are no storm": ("@caller c context=softirq on_failure=retry:14,drop\n"
                                     "0.1 c alloc a order=2 gfp=GFP_ATOMIC", []),
    "given up at once": ("@caller c context=softirq\n0.1 c alloc a order=2 gfp=GFP_ATOMIC",
                         ["BS205"]),
    "given up, then something else": ("@caller c context=softirq\n"
                                      "0.1 c alloc a order=2 gfp=GFP_ATOMIC\n"
                                      "0.1 c alloc b order=3 gfp=GFP_ATOMIC else=drop", ["BS205"]),
    "smaller by hand, loudly": ("@caller c context=softirq\n0.1 c alloc a order=2 gfp=GFP_ATOMIC\n"
                                "0.1 c alloc b gfp=GFP_ATOMIC\n0.1 c free b", ["BS301"]),
    "costly": ("@caller c context=process on_failure=error:ENOMEM\n"
               "0.1 c alloc a order=6 gfp=GFP_KERNEL", ["BS206"]),
    "costly with a fallback": ("@caller c context=process on_failure=vmalloc\n"
                               "0.1 c alloc a order=6 gfp=GFP_KERNEL|__GFP_NOWARN\n0.1 c free a", []),
    "contradiction": ("@caller c context=process on_failure=error:ENOMEM\n"
                      "0.1 c alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY|__GFP_RETRY_MAYFAIL",
                      ["BS207"]),
    "atomic that may sleep": ("@caller c context=process on_failure=error:ENOMEM\n"
                              "0.1 c alloc a order=1 gfp=GFP_ATOMIC|__GFP_DIRECT_RECLAIM|__GFP_NORETRY",
                              ["BS207"]),
    "io in a noio section": ("@caller c context=process on_failure=error:ENOMEM\n"
                             "0.1 c section noio\n"
                             "0.1 c alloc a order=1 gfp=GFP_NOFS|__GFP_NORETRY\n0.1 c section end",
                             ["BS209"]),
    "nofs is fine in a nofs section": ("@caller c context=process on_failure=error:ENOMEM\n"
                                       "0.1 c section nofs\n"
                                       "0.1 c alloc a order=1 gfp=GFP_NOFS|__GFP_NORETRY\n"
                                       "0.1 c section end", []),
    "asks for more": ("@caller c context=process\n0.1 c begin t\n"
                      "0.1 c alloc a order=1 gfp=GFP_NOIO|__GFP_NORETRY\n"
                      "0.1 c alloc b order=2 gfp=GFP_NOIO|__GFP_NORETRY\n0.1 c end t ENOMEM",
                      ["BS210"]),
    "noise of vmalloc": ("@caller c context=process on_failure=vmalloc\n"
                         "0.1 c alloc a order=2 gfp=GFP_KERNEL|__GFP_NORETRY\n0.1 c free a",
                         ["BS301"]),
    "hidden": ("@caller c context=softirq\n0.1 c alloc a order=3 gfp=GFP_ATOMIC|__GFP_NOWARN",
               ["BS302"]),
    "speculative, then smaller": ("@caller c context=process\n"
                                  "0.1 c alloc a order=3 gfp=GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY\n"
                                  "0.1 c alloc b gfp=GFP_KERNEL\n0.1 c free b", []),
    "counted by hand": ("@caller c context=softirq\n0.1 c alloc a order=1 gfp=GFP_ATOMIC\n"
                        "0.1 c count lost", []),
    "never reached": ("@caller c context=process\n0.1 c alloc a gfp=GFP_KERNEL\n0.1 c free a",
                      ["BS901"]),
    "allowed": ("@caller c context=softirq allow=BS205\n0.1 c alloc a order=2 gfp=GFP_ATOMIC", []),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_story_earns_exactly_its_findings(tmp_path: Path, name: str) -> None:
    text, expected = STORIES[name]
    run = run_text(tmp_path, _FRAGMENTED.format(mem="16M", profile="6.12") + text + "\n")
    assert _codes(run) == expected


@pytest.mark.parametrize("profile", ["2.6.32", "3.13", "4.4", "4.19", "6.1", "6.18"])
def test_findings_do_not_depend_on_the_era(tmp_path: Path, profile: str) -> None:
    text = (
        "@caller c context=softirq\n@caller d context=softirq on_failure=drop\n"
        "1.0 c alloc a order=2 gfp=GFP_ATOMIC\n+1us c use a\n+20s d alloc b order=1 gfp=GFP_ATOMIC\n"
    )
    run = run_text(tmp_path, _FRAGMENTED.format(mem="32M", profile=profile) + text)
    assert [(each.code, each.caller) for each in find_all(run)] == [("BS101", "c")]
    assert verdicts(run, find_all(run)) == {"c": "mishandles", "d": "handles"}


def test_a_caller_no_failure_reached_is_untested(tmp_path: Path) -> None:
    run = run_text(tmp_path, _ROOMY.format(profile="6.12") + "0.1 c alloc a\n0.2 c free a\n")
    assert verdicts(run, find_all(run)) == {"c": "untested"}


def test_an_injected_failure_says_so_and_how_plausible_it_is(tmp_path: Path) -> None:
    text = _ROOMY.format(profile="6.12") + (
        "@caller c context=process\n0.1 c alloc a\n0.2 c use a\n0.3 c free a\n"
    )
    run = run_text(tmp_path, text, faults=("nth:1",))
    finding = find_all(run)[0]
    assert (finding.code, finding.origin) == ("BS101", "injected")
    assert "practically never" in finding.plausibility
    assert finding.repro.endswith("--fault caller=c,nth=1")


def test_dropped_handles_are_skipped_and_counted(tmp_path: Path) -> None:
    text = _FRAGMENTED.format(mem="16M", profile="6.12") + (
        "@caller c context=softirq on_failure=drop\n"
        "0.1 c alloc a order=1 gfp=GFP_ATOMIC\n0.2 c use a\n0.3 c free a\n"
    )
    run = run_text(tmp_path, text)
    assert run.counters == {"c_dropped": 1}
    assert run.story.skipped_operations == 2


def test_memory_comes_back_whole_after_unwinding(tmp_path: Path) -> None:
    head = _FRAGMENTED.format(mem="16M", profile="6.12")
    body = "@caller c context=process on_failure=unwind,error:ENOMEM\n0.1 c begin t\n"
    body += (
        "0.1 c alloc a gfp=GFP_NOFS repeat=50\n0.1 c alloc b order=2 gfp=GFP_NOFS|__GFP_NORETRY\n"
    )
    run = run_text(tmp_path, head + body + "0.1 c end t ok\n")
    assert run.caller("c").live_pages == 0
    assert run.story.transactions[0].status == "ENOMEM"
    assert run.story.transactions[0].leaked == []


def test_a_callers_file_speaks_for_callers_that_say_nothing_themselves(tmp_path: Path) -> None:
    callers = tmp_path / "callers.toml"
    callers.write_text(
        '[[caller]]\nglob = "c*"\ncontext = "softirq"\non_failure = "drop"\n', encoding="utf-8"
    )
    text = _FRAGMENTED.format(mem="16M", profile="6.12") + (
        "@caller c2 context=softirq on_failure=silent-drop\n"
        "1.0 c1 alloc a order=1 gfp=GFP_KERNEL|__GFP_NORETRY\n"
        "+20s c2 alloc b order=1 gfp=GFP_ATOMIC\n"
    )
    run = run_text(tmp_path, text, callers_file=str(callers))
    assert [(each.code, each.caller) for each in find_all(run)] == [
        ("BS107", "c2"),
        ("BS201", "c1"),
    ]


def test_a_repeat_that_fails_now_and_then_keeps_what_it_got(tmp_path: Path) -> None:
    text = _ROOMY.format(profile="6.12") + (
        "@caller c context=softirq on_failure=drop\n"
        "0.1 c alloc a gfp=GFP_ATOMIC repeat=4\n0.2 c use a\n0.3 c free a\n"
    )
    run = run_text(tmp_path, text, faults=("nth:1",))
    assert (run.caller("c").failed, run.caller("c").live_pages) == (1, 0)
    assert run.story.skipped_operations == 0


@pytest.mark.parametrize("max_failures", [10_000, 1, 0])
def test_what_drains_the_reserve_is_told_whether_or_not_its_failures_were_kept(
    tmp_path: Path, max_failures: int
) -> None:
    text = (
        "@machine mem=16M profile=6.12 min_free_kbytes=512\n"
        "@fill order=0 gfp=GFP_USER|__GFP_MEMALLOC until_free=0\n"
        "1.0 c alloc a gfp=GFP_NOWAIT else=retry:150:50,drop\n"
    )
    run = run_text(tmp_path, text, max_failures=max_failures)
    assert len(run.failures) == min(max_failures, 151)
    assert ("BS204", Origin.NATURAL) in [(each.code, each.origin) for each in find_all(run)]


@pytest.mark.parametrize(
    ("expression", "column", "words"),
    [
        ("lost > 0", 14, "unknown name 'lost'"),
        ("live(q)", 14, "unknown handle 'q'"),
        ("1 +", 17, "expression"),
        ("failed > open('x')", 23, "unknown function"),
    ],
)
def test_bad_expectations_are_refused_before_the_story(
    tmp_path: Path, expression: str, column: int, words: str
) -> None:
    text = f"0.1 c alloc a\n0.2 c expect  {expression}\n"
    with pytest.raises(TraceError, match=words) as caught:
        run_text(tmp_path, text)
    assert caught.value.line == 2
    assert abs(caught.value.column - column) <= 2

"""Shapes of callers, right and wrong, and what exploring each of them says."""

from __future__ import annotations

from pathlib import Path

import pytest

from buddysim.caller import caller, every
from buddysim.cli.explore import explore_file
from buddysim.errors import ConfigError, TraceError
from buddysim.findings.exploration import explored_findings
from buddysim.findings.finding import Severity
from buddysim.replay.config import ReplayConfig
from buddysim.replay.exploration import ExploreOptions
from buddysim.replay.run_script import run_script

HEAD = "from errno import *\nfrom buddysim.caller import caller, every, once\n"

SHAPES: dict[str, tuple[str, set[str]]] = {
    "nested helper returns None to a careless caller": (
        """
def inner(mm):
    return mm.alloc_page("GFP_ATOMIC")
def outer(mm):
    return inner(mm)
@caller(context="softirq")
def c(mm):
    page = outer(mm)
    page.touch()
    mm.free_page(page)
""",
        {"BS101"},
    ),
    "exception swallowed by a bare handler": (
        """
@caller(transaction=True)
def c(mm):
    try:
        page = mm.alloc_page()
        if page is None:
            raise OSError(ENOMEM)
        mm.free_page(page)
    except Exception:
        return 0
""",
        {"BS106"},
    ),
    "exception counted": (
        """
@caller(transaction=True)
def c(mm):
    try:
        page = mm.alloc_page()
        if page is None:
            raise OSError(ENOMEM)
        mm.free_page(page)
    except OSError:
        mm.count("failed")
""",
        set(),
    ),
    "early return leaks what came before": (
        """
@caller(transaction=True)
def c(mm):
    a = mm.alloc_pages(order=1)
    if a is None:
        return OSError(ENOMEM)
    b = mm.vmalloc(8192)
    if b is None:
        return OSError(ENOMEM)
    mm.vfree(b)
    mm.free_pages(a)
""",
        {"BS102"},
    ),
    "counted, but a local handle is lost": (
        """
@caller(transaction=True)
def c(mm):
    a = mm.alloc_page()
    if a is None:
        mm.count("none")
        return
    b = mm.alloc_page()
    if b is None:
        mm.count("none")
        return
    mm.free_page(b)
    mm.free_page(a)
""",
        {"BS102"},
    ),
    "a loop that unwinds all but the last": (
        """
@caller(transaction=True)
def c(mm):
    got = []
    for _ in range(4):
        page = mm.alloc_page()
        if page is None:
            for each in got[:-1]:
                mm.free_page(each)
            raise OSError(ENOMEM)
        got.append(page)
    for each in got:
        mm.free_page(each)
""",
        {"BS102"},
    ),
    "a loop that unwinds all": (
        """
@caller(transaction=True)
def c(mm):
    got = []
    for _ in range(4):
        page = mm.alloc_page()
        if page is None:
            for each in reversed(got):
                mm.free_page(each)
            raise OSError(ENOMEM)
        got.append(page)
    for each in got:
        mm.free_page(each)
""",
        set(),
    ),
    "bounded retries, then an error": (
        """
@caller(transaction=True)
def c(mm):
    for _ in range(3):
        page = mm.alloc_page("GFP_KERNEL|__GFP_NORETRY")
        if page is not None:
            mm.free_page(page)
            return
        yield mm.sleep("50us")
    raise OSError(ENOMEM)
""",
        set(),
    ),
    "retries for ever, sleeping": (
        """
@caller(transaction=True)
def c(mm):
    while True:
        page = mm.alloc_page("GFP_KERNEL|__GFP_NORETRY")
        if page is not None:
            break
        yield mm.sleep("50us")
    mm.free_page(page)
""",
        {"BS203"},
    ),
    "computes for ever after a failure is not tested here; sleeps in a softirq": (
        """
@caller(context="softirq")
def c(mm):
    page = mm.alloc_page("GFP_KERNEL")
    if page is None:
        mm.count("none")
        return
    mm.free_page(page)
""",
        {"BS201"},
    ),
    "fallback to a smaller order, checked": (
        """
@caller(transaction=True)
def c(mm):
    page = mm.alloc_pages(3, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY")
    if page is None:
        page = mm.alloc_pages(0, "GFP_KERNEL")
        if page is None:
            return -ENOMEM
    page.touch()
    mm.free_pages(page)
""",
        set(),
    ),
    "fallback whose own failure is swallowed": (
        """
@caller(transaction=True)
def c(mm):
    page = mm.alloc_pages(3, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY")
    if page is None:
        page = mm.alloc_pages(0, "GFP_KERNEL")
    if page is not None:
        mm.free_pages(page)
""",
        {"BS109"},
    ),
    "double free on the error path of a generator": (
        """
@caller(transaction=True)
def c(mm):
    a = mm.kmalloc(64)
    if a is None:
        return -ENOMEM
    yield mm.sleep("1us")
    b = mm.kmalloc(64)
    if b is None:
        mm.kfree(a)
    mm.kfree(a)
    if b is None:
        return -ENOMEM
    mm.kfree(b)
""",
        {"BS103"},
    ),
    "NOWARN and nobody told": (
        """
@caller
def c(mm):
    page = mm.alloc_page("GFP_KERNEL|__GFP_NOWARN")
    if page is not None:
        mm.free_page(page)
""",
        {"BS302"},
    ),
    "hand-over to another caller, error path clean": (
        """
table = []
@caller(transaction=True)
def c(mm):
    page = mm.alloc_page()
    if page is None:
        page = mm.alloc_page()
        if page is None:
            return -ENOMEM
    table.append(page)
@caller(trigger=once("5ms"))
def close(mm):
    while table:
        mm.free_page(table.pop())
""",
        set(),
    ),
    "freed with another order": (
        """
@caller(transaction=True)
def c(mm):
    page = mm.alloc_pages(2)
    if page is None:
        return -ENOMEM
    mm.free_pages(page, order=1)
""",
        {"BS105"},
    ),
    "declared error": (
        """
@caller(transaction=True, errors=["ENFILE"])
def c(mm):
    page = mm.alloc_page()
    if page is None:
        raise OSError(ENFILE, "as pipes do")
    mm.free_page(page)
""",
        set(),
    ),
}


def explore(tmp_path: Path, text: str) -> set[str]:
    path = tmp_path / "shape.py"
    path.write_text(HEAD + text)
    found = explore_file(str(path), ReplayConfig(), ExploreOptions())
    assert not [each.trouble for each in found.attempts if each.trouble]
    return {each.code for each in explored_findings(found) if each.severity is not Severity.NOTE}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_gives_its_findings_and_no_others(shape: str, tmp_path: Path) -> None:
    text, codes = SHAPES[shape]
    assert explore(tmp_path, text) == codes


def test_an_own_crash_is_told_with_its_line_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "crash.py"
    path.write_text(HEAD + "@caller\ndef c(mm):\n    return {}['x']\n")
    run = run_script(str(path))
    fact = run.story.transactions[0]
    assert (fact.status, fact.end_line) == ("KeyError", 5)


def test_virtual_time_orders_callers(tmp_path: Path) -> None:
    path = tmp_path / "times.py"
    path.write_text(
        HEAD + "log = []\n"
        "@caller(trigger=every('1ms', times=3))\n"
        "def slow(mm):\n    log.append(('slow', mm.now_ns))\n"
        "    yield mm.sleep('300us')\n    log.append(('woke', mm.now_ns))\n"
        "@caller(trigger=once('100us'), priority=-1)\n"
        "def quick(mm):\n    log.append(('quick', mm.now_ns))\n"
        "    if len(log) != 2 or log[1] != ('quick', 100_000):\n        raise ValueError(log)\n"
        "@caller(trigger=once('9ms'))\n"
        "def check(mm):\n    if log[2] != ('woke', 300_000) or len(log) != 7:\n"
        "        raise ValueError(log)\n"
    )
    assert [fact.crash for fact in run_script(str(path)).story.transactions] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "not Python"),
        ("x = 1", "no caller in it"),
        (HEAD + "1 / 0", "ZeroDivisionError"),
        (HEAD + "@caller(context='nmi')\ndef c(mm): pass", "softirq"),
        (HEAD + "@caller(allow=['BS106'])\ndef c(mm): pass", "reason"),
    ],
)
def test_bad_scenarios_are_told_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(TraceError, match=message):
        run_script(str(path))


def test_triggers_and_errors_are_checked() -> None:
    with pytest.raises(ConfigError):
        every("1 fortnight")
    with pytest.raises(ConfigError):
        every("1ms", times=0)
    with pytest.raises(ConfigError):
        caller(errors=["ENOSUCH"])(lambda mm: None)


def test_equal_runs_have_equal_digests() -> None:
    path = str(Path(__file__).resolve().parents[3] / "traces" / "drivers" / "ring_refill.py")
    assert run_script(path).digest == run_script(path).digest

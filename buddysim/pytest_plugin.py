"""pytest plugin: an ``mm`` for tests, and tests that run once for each allocation that may fail.

    import pytest

    @pytest.mark.fail_each_allocation(schedule="both")
    def test_setup_survives(mm):
        buffer = mm.kmalloc(512)
        if buffer is None:
            mm.count("setup_failed")
            return
        buffer.touch()
        mm.kfree(buffer)

The marked test first runs without faults, then once per allocation and schedule (``transient``:
that one alone, ``persistent``: it and all after it).  With a failure it may raise OSError(ENOMEM).
A leak, a use of memory that is not there, a double free fail the test even when it returns
normally; the message names each failing index.  ``--fail-allocation N`` (or ``N+`` for all from N
on) repeats one of them.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from buddysim.caller.declaration import CallerSpec
from buddysim.findings.finding import Finding, Severity
from buddysim.findings.registry import find_all
from buddysim.mm.machine import build_machine
from buddysim.mm.spec import MachineSpec
from buddysim.replay.activation import Activation
from buddysim.replay.config import ReplayConfig
from buddysim.replay.ending import Ending, ending_of_exception
from buddysim.replay.engine import new_run
from buddysim.replay.mm_api import Mm
from buddysim.replay.policies import install_policies
from buddysim.replay.python_stage import PythonStage
from buddysim.replay.run_script import finish_run
from buddysim.source.event import Tables, TraceMeta

__all__ = ["MachineUnderTest", "mm", "pytest_addoption", "pytest_configure", "pytest_pyfunc_call"]

_MARK = "fail_each_allocation"
_SCHEDULES = {
    "transient": ("nth",),
    "persistent": ("from",),
    "both": ("nth", "from"),
}
_MEMORY_BYTES = 16 << 20


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers", f'{_MARK}(schedule="both"): run the test once per allocation of mm, failing it'
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--fail-allocation``: the repro of one failing index."""
    parser.getgroup("buddysim").addoption(
        "--fail-allocation", metavar="N[+]", help="fail allocation N (N+: and all later ones)"
    )


class MachineUnderTest:
    """One run of one test: a fresh machine, its faults, and what the test made of them."""

    def __init__(self, name: str, path: str, body: Callable[..., Any]) -> None:
        self.name, self.path, self.body = name, path, body
        self.mm = self.restart(())

    def restart(self, faults: tuple[str, ...]) -> Mm:
        """A fresh machine on which ``faults`` happen."""
        config = ReplayConfig(faults=faults, warn="silent")
        machine = build_machine(MachineSpec.from_mem(_MEMORY_BYTES))
        install_policies(machine, recording=False)
        self.run = new_run(_Subject(self.name, self.path), config, machine)
        self.run.loop.every_request_counts()
        self.stage = PythonStage(self.run, self.path)
        line = self.body.__code__.co_firstlineno
        spec = CallerSpec(self.name, self.body, transaction=True, path=self.path, line=line)
        self.act = Activation(spec, 1, 0, self.stage.seen(line))
        self.stage.current = self.act
        self.mm = Mm(self.stage)
        return self.mm

    @property
    def requests(self) -> int:
        """Allocations so far."""
        return self.stage.requests

    def settle(self, ending: Ending) -> list[Finding]:
        """Errors and warnings of the run, and of any run what is still allocated."""
        lost = self._still_held() if not self.act.episodes else ""
        self.stage.ended(self.act, ending)
        found = [
            finding
            for finding in find_all(finish_run(self.run))
            if finding.severity is not Severity.NOTE
        ]
        if lost:
            pytest.fail(f"buddysim: still allocated at the end: {lost}", pytrace=False)
        return found

    def _still_held(self) -> str:
        gc.collect()
        return ", ".join(held.name for held in self.act.members if held.freed is None)


class _Subject:
    def __init__(self, name: str, path: str) -> None:
        self.meta = TraceMeta(path, "pytest")
        self.tables = Tables(callers=["?", name], tasks=["?", name])


@pytest.fixture(name="mm")
def mm(request: pytest.FixtureRequest) -> Iterator[Mm]:
    """The simulated machine (``replay/mm_api.py``), fresh for every test."""
    body = inspect.unwrap(request.function)
    under_test = MachineUnderTest(request.node.name, body.__code__.co_filename, body)
    request.node.stash[_KEY] = under_test
    yield under_test.mm
    under_test.stage.current = None


_KEY = pytest.StashKey[MachineUnderTest]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that has ``mm``, once or once per allocation."""
    under_test = pyfuncitem.stash.get(_KEY, None)
    if under_test is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    chosen = pyfuncitem.config.getoption("--fail-allocation")
    mark = pyfuncitem.get_closest_marker(_MARK)
    if chosen:
        word = "from" if chosen.endswith("+") else "nth"
        _report([_once(pyfuncitem, under_test, arguments, f"{word}:{chosen.rstrip('+')}")])
        return True
    plain = _once(pyfuncitem, under_test, arguments, "")
    if mark is None or plain:
        _report([plain])
        return True
    total = under_test.requests
    schedule = mark.kwargs.get("schedule", "both")
    if schedule not in _SCHEDULES:
        raise pytest.UsageError(f"{_MARK}(schedule={schedule!r}): {', '.join(_SCHEDULES)}")
    _report(
        [
            _once(pyfuncitem, under_test, arguments, f"{word}:{number}")
            for number in range(1, total + 1)
            for word in _SCHEDULES[schedule]
        ]
    )
    return True


def _report(texts: list[str]) -> None:
    told = [text for text in texts if text]
    if told:
        pytest.fail("\n".join(told), pytrace=False)


def _once(
    item: pytest.Function, under_test: MachineUnderTest, arguments: dict[str, Any], fault: str
) -> str:
    """Run the test's body; what is wrong, or nothing."""
    arguments["mm"] = under_test.restart((fault,) if fault else ())
    ending = Ending("ok", under_test.body.__code__.co_firstlineno)
    try:
        item.obj(**arguments)
    except Exception as error:
        if not under_test.act.episodes:
            raise
        ending = ending_of_exception(error, under_test.path)
        error.__traceback__ = None
    found = under_test.settle(ending)
    if not found:
        return ""
    word, _, number = fault.partition(":")
    index = number + ("+" if word == "from" else "")
    lines = [
        f"{under_test.path}:{each.evidence[0].line}: {each.code} {each.name}: {each.message}"
        for each in found
    ]
    repro = f"pytest '{item.nodeid}' --fail-allocation {index}" if fault else "no fault"
    return "\n".join([*lines, f"    $ {repro}"])

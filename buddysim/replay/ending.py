"""How a call of a Python caller ended, and what that makes of its failures."""

from __future__ import annotations

import errno
import gc
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.activation import Activation, StoppedCaller
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.story import TransactionFact

if TYPE_CHECKING:
    from buddysim.replay.python_stage import PythonStage

__all__ = ["Ending", "end_activation", "ending_of_exception", "ending_of_return"]

_NOWARN = int(Gfp.NOWARN)


@dataclass(frozen=True, slots=True)
class Ending:
    """``status``: ok, an errno's name, an exception's name, ``null`` or ``endless``."""

    status: str
    line: int = 0
    crash: str = ""
    """What a wrong kind of exception said."""


def ending_of_return(value: Any, line: int) -> Ending:
    """A caller returns an error as OSError, as ``-ENOMEM`` or by name; anything else is ok."""
    if isinstance(value, OSError):
        return Ending(_errno_of(value), line)
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        return Ending(errno.errorcode.get(-value, str(value)), line)
    if isinstance(value, str) and value.startswith("E") and hasattr(errno, value):
        return Ending(value, line)
    return Ending("ok", line)


def ending_of_exception(error: BaseException, path: str) -> Ending:
    """What a caller raised, with the innermost line of its own source."""
    line = _own_line(error.__traceback__, path)
    if isinstance(error, StoppedCaller):
        return Ending("endless", line)
    if isinstance(error, OSError):
        return Ending(_errno_of(error), line)
    crash = f"{type(error).__name__}: {error}"
    if isinstance(error, AttributeError) and error.obj is None:
        return Ending("null", line, crash)
    if isinstance(error, TypeError) and "NoneType" in str(error):
        return Ending("null", line, crash)
    return Ending(type(error).__name__, line, crash)


def _errno_of(error: OSError) -> str:
    """``OSError(ENOMEM)`` keeps a lone number in its arguments, not in ``errno``."""
    code = error.errno
    if code is None and error.args:
        code = error.args[0]
    if isinstance(code, int):
        return errno.errorcode.get(abs(code), type(error).__name__)
    return str(code) if isinstance(code, str) and hasattr(errno, code) else type(error).__name__


def _own_line(trace: TracebackType | None, path: str) -> int:
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def end_activation(stage: PythonStage, act: Activation, ending: Ending) -> None:
    """Settle the call's open failures, look for leaks, check what must hold."""
    seen = stage.seen(ending.line or act.spec.line)
    status = ending.status
    if status == "null" and stage.null_use(act, seen, "use"):
        for number in act.pending:
            stage.facts.episodes[number].used = True
        _close_pending(stage, act, "ignored")
        return
    if status == "endless":
        _close_pending(stage, act, "endless")
        if not act.episodes:
            _transaction(
                stage, act, seen, Ending("endless", ending.line, "does not come to an end")
            )
        return
    if status == "null":
        ending = Ending(ending.crash.partition(":")[0], ending.line, ending.crash)
    _settle(stage, act, seen, ending)
    for invariant in act.spec.invariants:
        name = getattr(invariant, "__name__", "invariant")
        stage.expect(bool(invariant()), name, invariant.__code__.co_firstlineno)


def _settle(stage: PythonStage, act: Activation, seen: FirstSeen, ending: Ending) -> None:
    wants_fact = act.spec.transaction or ending.status != "ok"
    fact = _transaction(stage, act, seen, ending) if wants_fact else None
    if ending.status != "ok":
        for number in act.pending:
            stage.facts.episodes[number].errno = ending.status
        _close_pending(stage, act, "error")
    elif act.pending and act.spec.transaction:
        _close_pending(stage, act, "ignored")
    else:
        for number in act.pending:
            episode = stage.facts.episodes[number]
            episode.resolution = "ignored" if episode.gfp & _NOWARN else "silently-dropped"
        act.pending.clear()
    if fact is not None and act.spec.transaction and act.episodes:
        _find_leaks(act, fact, ending)


def _close_pending(stage: PythonStage, act: Activation, resolution: str) -> None:
    for number in act.pending:
        stage.facts.episodes[number].resolution = resolution
    if act.pending and resolution == "error":
        stage.run.tally.settled(act.caller)
    act.pending.clear()


def _transaction(
    stage: PythonStage, act: Activation, seen: FirstSeen, ending: Ending
) -> TransactionFact:
    fact = TransactionFact(
        f"{act.spec.name}()",
        act.spec.name,
        act.begun.event,
        act.begun.line,
        act.begun.time_ns,
        seen.event,
        seen.line,
        seen.time_ns,
        ending.status,
        list(act.episodes),
        declared_errors=act.spec.errors,
        crash=ending.crash,
    )
    stage.facts.transactions.append(fact)
    for number in act.episodes:
        stage.facts.episodes[number].transaction = len(stage.facts.transactions) - 1
    return fact


def _find_leaks(act: Activation, fact: TransactionFact, ending: Ending) -> None:
    """After an error everything still live is lost; after ok, what nobody can reach any more."""
    live = [held for held in act.members if held.freed is None]
    if live and ending.status == "ok":
        if any(held.handle() is not None for held in live):
            gc.collect()
        live = [held for held in live if held.handle() is None]
    fact.leaked.extend(held.name for held in live)
    fact.leaked_pages = sum(held.nr_pages for held in live)

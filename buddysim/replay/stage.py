"""Play a hand-written story: statements become requests, frees, and facts for the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from buddysim.caller.policy import Settlement, act_out, declares_fallback
from buddysim.kernel.context import CONTEXT_BY_NAME
from buddysim.kernel.gfp_table import Gfp
from buddysim.replay.declared import declarations_of
from buddysim.replay.expectation import Expectations
from buddysim.replay.failure_row import FailureRow
from buddysim.replay.handle import Block, Handle, OpenTransaction
from buddysim.replay.hands import Hands, new_episode
from buddysim.replay.outcome import CallerStats, FirstSeen
from buddysim.replay.run import Site
from buddysim.replay.story import Episode, SectionBreach, TransactionFact
from buddysim.replay.touch import Touches
from buddysim.source.action import Action
from buddysim.source.event import EventBatch
from buddysim.source.statement import Script, Statement

if TYPE_CHECKING:
    from buddysim.replay.run import Run

__all__ = ["Stage"]

_IO = int(Gfp.IO)
_FS = int(Gfp.FS)
_BARRED = {"noio": _IO | _FS, "nofs": _FS}


class Stage:
    """The state of a story: handles, open transactions, sections, counters."""

    def __init__(self, run: Run, script: Script) -> None:
        self.run = run
        self.script = script
        self.leave_ordinary = False
        self.facts = run.result.story
        self.facts.is_story = True
        self.handles: dict[int, Handle] = {}
        """Latest incarnation by handle index."""
        self.latest_episode: dict[int, int] = {}
        """Caller -> its latest failure."""
        self._open: dict[int, list[OpenTransaction]] = {}
        self._sections: dict[int, list[tuple[str, FirstSeen]]] = {}
        self._unsized: dict[int, int] = {}
        """Caller -> ignored failure whose sequel (a smaller success?) is still open."""
        self._next_key = 0
        self._expectations = Expectations(self)
        self._touches = Touches(self)
        self.facts.fallback_callers = _callers_with_fallback(script)
        self.declared = declarations_of(script, run.config.callers_file)
        for name, declared in self.declared.items():
            if name in run.tables.callers:
                stats = run.tally.of(run.tables.callers.index(name))
                stats.declared = bool(declared.on_failure)
                where = f"declared on line {declared.line}" if declared.line else "callers file"
                stats.allow = dict.fromkeys(declared.allow, where)

    def row(self, batch: EventBatch, row: int) -> None:
        """Carry out one statement."""
        statement = self.script.statements[batch.aux[row]]
        seen = FirstSeen(batch.first + row, statement.line, statement.time_ns)
        machine = self.run.machine
        machine.clock_ns = max(machine.clock_ns, seen.time_ns)
        if self._is_over(statement):
            self.facts.skipped_operations += 1
            return
        operation = statement.operation
        if operation == "alloc":
            self._alloc(statement, seen, self._context(statement, batch.context[row]))
        elif operation in {"use", "free"}:
            self._touches.touch(statement, seen)
        elif operation == "begin":
            self._begin(statement, seen)
        elif operation == "end":
            self._end(statement, seen)
        elif operation == "count":
            self.count(statement.name)
            self._counted(statement.caller)
        elif operation == "section":
            self._section(statement, seen)
        else:
            self._expectations.check(statement, seen)

    def _context(self, statement: Statement, told: int) -> int:
        """Where the caller runs: by the script, else by the callers file."""
        declared = self.declared.get(self.script.callers[statement.caller])
        if declared is None or not declared.context:
            return told
        return int(CONTEXT_BY_NAME[declared.context])

    def count(self, name: str) -> None:
        """One more of a counter of the run."""
        counters = self.run.result.counters
        counters[name] = counters.get(name, 0) + 1

    # Transactions.

    def stack(self, caller: int) -> list[OpenTransaction]:
        """The caller's transactions, outermost first."""
        return self._open.setdefault(caller, [])

    def _is_over(self, statement: Statement) -> bool:
        """Has an action already ended the transaction this statement belongs to?"""
        stack = self.stack(statement.caller)
        if not any(each.ended for each in stack):
            return False
        names = [each.fact.name for each in stack]
        if statement.operation == "end" and statement.name in names:
            del stack[names.index(statement.name) :]
        return True

    def open_transactions(self, caller: int) -> int:
        """Transactions of a caller that nothing has ended."""
        return sum(not each.ended for each in self.stack(caller))

    def _begin(self, statement: Statement, seen: FirstSeen) -> None:
        caller = self.script.callers[statement.caller]
        declared = self.declared.get(caller)
        fact = TransactionFact(
            statement.name,
            caller,
            seen.event,
            seen.line,
            seen.time_ns,
            declared_errors=declared.errors if declared else (),
        )
        self.facts.transactions.append(fact)
        index = len(self.facts.transactions) - 1
        self.stack(statement.caller).append(OpenTransaction(index, fact))

    def _end(self, statement: Statement, seen: FirstSeen) -> None:
        stack = self.stack(statement.caller)
        for each in stack:
            if each.fact.name == statement.name:
                self._close(each, statement.status, seen)
                stack.remove(each)
                return

    def _close(self, transaction: OpenTransaction, status: str, seen: FirstSeen) -> None:
        fact = transaction.fact
        fact.status = status
        fact.end_event, fact.end_line, fact.end_time_ns = seen.event, seen.line, seen.time_ns
        if status == "ok":
            return
        for handle in transaction.members:
            if handle.blocks and not handle.gone:
                fact.leaked.append(handle.name)
                fact.leaked_pages += handle.pages

    def _end_early(self, caller: int, status: str, seen: FirstSeen, handle: Handle) -> None:
        """An error or succeed action: the caller leaves its innermost transaction now."""
        handle.gone = True
        stack = self.stack(caller)
        if not stack:
            return
        transaction = stack[-1]
        self._close(transaction, status, seen)
        transaction.ended = True
        if status != "ok":
            for member in transaction.members:
                member.gone = True

    # Requests.

    def _alloc(self, statement: Statement, seen: FirstSeen, context: int) -> None:
        self._check_section(statement, seen)
        handle = self.handles.get(statement.handle)
        stack = self.stack(statement.caller)
        if handle is None or handle.allocated.line != statement.line:
            name = self.script.handles[statement.handle]
            inner = stack[-1] if stack else None
            handle = Handle(name, statement.order, statement.caller, seen, inner)
            self.handles[statement.handle] = handle
            for each in stack:
                each.members.append(handle)
        self._note_next_allocation(stack, seen)
        site = Site(
            seen,
            statement.caller,
            statement.order,
            statement.gfp,
            context,
            statement.cpu,
            statement.caller,
        )
        hands = Hands(self.run, site, lambda: self.unwind(statement.caller))
        asked = hands.first()
        if asked is None:
            self._smaller_after(statement, succeeded=True)
            self.keep(handle, hands.taken, statement.order)
            return
        self._smaller_after(statement, succeeded=False)
        self._failed(statement, seen, handle, asked, hands)

    def keep(self, handle: Handle, pfn: int, order: int) -> None:
        """Book a block on a handle."""
        handle.gone = False
        key = self._next_key
        self._next_key += 1 << order
        if handle.first_key < 0:
            handle.first_key = key
        self.run.ledger.add(key, pfn, handle.caller, order)
        handle.blocks.append(Block(key, order))

    def _failed(
        self,
        statement: Statement,
        seen: FirstSeen,
        handle: Handle,
        row: FailureRow,
        hands: Hands,
    ) -> None:
        steps = self._steps(statement)
        stack = self.stack(statement.caller)
        number = len(self.facts.episodes)
        episode = new_episode(number, handle.name, row, steps)
        declared = self.declared.get(episode.caller)
        episode.declared_errors = declared.errors if declared else ()
        if stack:
            episode.transaction = stack[-1].index
        for each in stack:
            each.fact.episodes.append(number)
        self.facts.episodes.append(episode)
        self.latest_episode[statement.caller] = number
        settled = act_out(steps, statement.order, hands)
        episode.attempts += settled.retries
        episode.resolution, episode.errno = settled.resolution, settled.errno
        episode.endless = settled.resolution == "endless"
        self._settle(statement, seen, handle, episode, settled)

    def _settle(
        self,
        statement: Statement,
        seen: FirstSeen,
        handle: Handle,
        episode: Episode,
        settled: Settlement,
    ) -> None:
        """Make the handle what the caller's reaction made of it."""
        caller = statement.caller
        for pfn, order in settled.blocks:
            self.keep(handle, pfn, order)
        how = settled.resolution
        if how in {"error", "succeeded-without"}:
            self._end_early(caller, settled.errno if how == "error" else "ok", seen, handle)
        elif how == "ignored":
            handle.failed_episode = episode.number
            self._unsized[caller] = episode.number
            stack = self.stack(caller)
            if stack:
                stack[-1].awaiting.append(episode.number)
        elif how in {"dropped", "silently-dropped", "endless"}:
            handle.gone = not handle.blocks
        if how == "dropped":
            episode.counted = True
            self.count(f"{episode.caller}_dropped")
        if how not in {"ignored", "endless"}:
            self.run.tally.settled(caller)

    def _steps(self, statement: Statement) -> tuple[Action, ...]:
        if statement.actions is not None:
            return statement.actions
        declared = self.declared.get(self.script.callers[statement.caller])
        return declared.on_failure if declared else ()

    def unwind(self, caller: int) -> None:
        """Free the live members of the caller's innermost transaction, newest first."""
        stack = self.stack(caller)
        for handle in reversed(stack[-1].members if stack else []):
            if handle.blocks and not handle.gone:
                self._touches.free_blocks(handle, 0)
                handle.gone = True

    def _note_next_allocation(self, stack: list[OpenTransaction], seen: FirstSeen) -> None:
        if stack:
            for number in stack[-1].awaiting:
                self.facts.episodes[number].allocated_next = seen.event
                self.facts.episodes[number].allocated_next_line = seen.line
            stack[-1].awaiting.clear()

    def _smaller_after(self, statement: Statement, succeeded: bool) -> None:
        """Was this the smaller attempt after an ignored failure?"""
        number = self._unsized.pop(statement.caller, -1)
        if number >= 0 and succeeded:
            episode = self.facts.episodes[number]
            episode.smaller_succeeded = statement.order < episode.order

    def _counted(self, caller: int) -> None:
        """The caller counted something: its latest failure did not go unnoticed."""
        number = self.latest_episode.get(caller, -1)
        if number >= 0:
            self.facts.episodes[number].counted = True

    # Sections.

    def _section(self, statement: Statement, seen: FirstSeen) -> None:
        sections = self._sections.setdefault(statement.caller, [])
        if statement.name != "end":
            sections.append((statement.name, seen))
        elif sections:
            sections.pop()

    def _check_section(self, statement: Statement, seen: FirstSeen) -> None:
        for word, since in self._sections.get(statement.caller, ()):
            if statement.gfp & _BARRED[word]:
                caller = self.script.callers[statement.caller]
                self.facts.breaches.append(
                    SectionBreach(
                        section=word,
                        event=seen.event,
                        line=seen.line,
                        time_ns=seen.time_ns,
                        caller=caller,
                        gfp=statement.gfp,
                        section_event=since.event,
                        section_line=since.line,
                        section_time_ns=since.time_ns,
                    )
                )
                return

    def finish(self) -> None:
        """The story is over."""
        self._touches.finish()
        self.facts.open_transactions = sum(self.open_transactions(caller) for caller in self._open)

    def declare(self, callers: Sequence[CallerStats]) -> None:
        """Nothing: a script's callers declare themselves as they act."""


def _callers_with_fallback(script: Script) -> tuple[str, ...]:
    """Callers that declare, for all or one of their requests, a smaller or scattered attempt."""
    found = {
        name
        for name, declared in script.declarations.items()
        if declares_fallback(declared.on_failure)
    }
    found |= {
        script.callers[each.caller]
        for each in script.statements
        if each.actions is not None and declares_fallback(each.actions)
    }
    return tuple(sorted(found))

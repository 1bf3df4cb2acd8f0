"""Uses and frees of a script's handles, and what is wrong with some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buddysim.replay.handle import Block, Handle
from buddysim.replay.ledger import order_of, sim_pfn_of
from buddysim.replay.outcome import FirstSeen
from buddysim.replay.story import Misuse
from buddysim.source.statement import Statement

if TYPE_CHECKING:
    from buddysim.replay.stage import Stage

__all__ = ["Touches"]


class Touches:
    """Carries out ``use`` and ``free``; records misuses in the story's facts."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._run = stage.run
        self._script = stage.script

    def touch(self, statement: Statement, seen: FirstSeen) -> None:
        """A use or a free."""
        handle = self._stage.handles.get(statement.handle)
        if handle is None or handle.gone:
            self._stage.facts.skipped_operations += 1
            return
        for each in self._stage.stack(statement.caller):
            each.awaiting.clear()
        if statement.operation == "use":
            self._use(statement, handle, seen)
        else:
            self._free(statement, handle, seen)

    def _use(self, statement: Statement, handle: Handle, seen: FirstSeen) -> None:
        if handle.freed is not None:
            self._misuse(statement, handle, seen, "freed", handle.freed)
        elif handle.failed_episode >= 0:
            self._stage.facts.episodes[handle.failed_episode].used = True
            self._misuse(statement, handle, seen, "failed", handle.allocated)

    def _misuse(
        self,
        statement: Statement,
        handle: Handle,
        seen: FirstSeen,
        state: str,
        earlier: FirstSeen,
        detail: str = "",
    ) -> None:
        self._stage.facts.misuses.append(
            Misuse(
                statement.operation,
                state,
                seen.event,
                seen.line,
                seen.time_ns,
                self._script.callers[statement.caller],
                handle.name,
                handle.failed_episode if state == "failed" else -1,
                earlier.event,
                earlier.line,
                earlier.time_ns,
                detail,
            )
        )

    def _free(self, statement: Statement, handle: Handle, seen: FirstSeen) -> None:
        if handle.freed is not None:
            self._misuse(statement, handle, seen, "freed", handle.freed)
            return
        if statement.part >= 0:
            self._free_part(statement, handle, seen)
            return
        if handle.parts:
            first = next(iter(handle.parts.values()))
            self._misuse(statement, handle, seen, "freed", first, "pieces of it are freed already")
        elif not handle.blocks:
            self._free_nothing(statement, handle, seen)
        elif statement.order_given and statement.order != handle.order:
            detail = f"order {statement.order} given, order {handle.order} allocated"
            self._misuse(statement, handle, seen, "live", handle.allocated, detail)
        self.free_blocks(handle, statement.cpu)
        handle.freed = seen

    def _free_nothing(self, statement: Statement, handle: Handle, seen: FirstSeen) -> None:
        """Free of a handle whose allocation failed: legal unless the caller's API says no."""
        declared = self._stage.declared.get(self._script.callers[statement.caller])
        if handle.failed_episode >= 0 and declared is not None and not declared.free_null:
            self._stage.facts.episodes[handle.failed_episode].used = True
            self._misuse(statement, handle, seen, "failed", handle.allocated)

    def free_blocks(self, handle: Handle, cpu: int) -> None:
        """Give back everything a handle holds."""
        for block in handle.blocks:
            self._release(block.key, cpu, handle.caller)
        handle.blocks.clear()

    def _release(self, key: int, cpu: int, caller: int) -> None:
        entry = self._run.ledger.remove(key)
        self._run.hold(caller, -(1 << order_of(entry)))
        self._run.machine.free_pages(sim_pfn_of(entry), order_of(entry), cpu)
        self._run.loop.freed += 1
        self._run.loop.results.append(sim_pfn_of(entry))

    def _free_part(self, statement: Statement, handle: Handle, seen: FirstSeen) -> None:
        """One piece of a block; pieces must fit and be freed once each."""
        order, first = statement.order, statement.part << statement.order
        end = first + (1 << order)
        if order > handle.order or end > 1 << handle.order:
            detail = f"piece {statement.part} of order {order} is outside order {handle.order}"
            self._misuse(statement, handle, seen, "live", handle.allocated, detail)
            return
        pages = range(first, end)
        again = [handle.parts[page] for page in pages if page in handle.parts]
        if again:
            self._misuse(statement, handle, seen, "freed", again[0], f"piece {statement.part}")
            return
        handle.parts.update(dict.fromkeys(pages, seen))
        if not handle.blocks:
            return
        self._cut_and_release(handle, first, order, statement.cpu)
        if not handle.blocks:
            handle.freed = seen

    def _cut_and_release(self, handle: Handle, first: int, order: int, cpu: int) -> None:
        """Free pages first..first+2^order-1 of a handle, cutting a larger block as needed."""
        start = handle.first_key + first
        kept: list[Block] = []
        for block in handle.blocks:
            pieces = [block]
            if block.order > order and block.key <= start < block.key + (1 << block.order):
                cut = self._run.ledger.split(block.key, (start - block.key) >> order, order)
                pieces = [Block(key, size) for key, size in cut]
            for piece in pieces:
                if start <= piece.key < start + (1 << order):
                    self._release(piece.key, cpu, handle.caller)
                else:
                    kept.append(piece)
        handle.blocks = kept

    def finish(self) -> None:
        """The story is over: blocks freed only in part do not add up."""
        for handle in self._stage.handles.values():
            if handle.parts and handle.blocks and not handle.gone:
                self._partly_freed(handle)

    def _partly_freed(self, handle: Handle) -> None:
        last = max(handle.parts.values(), key=lambda seen: seen.event)
        self._stage.facts.misuses.append(
            Misuse(
                "free",
                "live",
                last.event,
                last.line,
                last.time_ns,
                self._script.callers[handle.caller],
                handle.name,
                earlier_event=handle.allocated.event,
                earlier_line=handle.allocated.line,
                earlier_time_ns=handle.allocated.time_ns,
                detail=f"the pieces freed are {len(handle.parts)} of {1 << handle.order} pages",
            )
        )
